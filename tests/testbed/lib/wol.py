#!/usr/bin/env python3
"""The network cards of machines that are off: wait for a Wake-on-LAN packet and power the machine on.

usage: wol.py SCRIPT MAC=NAME...   (inside the site's network namespace)"""
import select
import socket
import subprocess
import sys

SYNC = b"\xff" * 6


def main():
    script = sys.argv[1]
    machines = {bytes.fromhex(mac.replace(":", "")): name for mac, name in (a.split("=") for a in sys.argv[2:])}
    sockets = []
    for port in (7, 9):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("0.0.0.0", port))
        sockets.append(s)
    while True:
        for s in select.select(sockets, [], [])[0]:
            data, sender = s.recvfrom(1024)
            at = data.find(SYNC)
            mac = data[at + 6:at + 12]
            if at < 0 or data[at + 6:at + 102] != mac * 16 or mac not in machines:
                continue
            print(f"packet from {sender[0]} wakes {machines[mac]}", flush=True)
            subprocess.run([script, "_wake", machines[mac]], check=False)


main()
