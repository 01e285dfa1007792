//! The rules, one row each.

use super::*;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;

/// A key made from a number, so that failures read the same each time.
pub(super) fn key(seed: u8) -> PublicKey {
    PublicKey::from(
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32])).public_key().key_data().clone(),
    )
}

fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Known { line } => format!("known {line}"),
        Verdict::Unknown { unused } if unused.is_empty() => "unknown".into(),
        Verdict::Unknown { unused } => format!("unknown, {} unused", unused.len()),
        Verdict::Changed { recorded } => {
            let lines: Vec<_> = recorded.iter().map(|r| r.line.to_string()).collect();
            format!("changed {}", lines.join(","))
        }
        Verdict::Revoked { line } => format!("revoked {line}"),
    }
}

#[test]
fn verdicts() {
    let shown = key(1);
    let a = shown.to_openssh().unwrap();
    let b = key(2).to_openssh().unwrap();
    let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDcA4xTmv7xat951c4Ajsq8Sg889rD6+Rq4orDo\
               N6C8gxVPC5QbW3c4teHIDBD7fsCK4Dw3oEHB120jDELYsOV/VvCkgMQfr4MekhsIL+fCCoHrxFm0\
               6Bhgf1zZ48eMJM0AYW9nel00n1GdI0MRIOUuGbpI/boVCB1Fs4tJubQ8CQ==";
    let table: &[(&str, &str, u16, String, &str)] = &[
        ("plain", "n1", 22, format!("n1 {a}"), "known 1"),
        ("comment and blank lines", "n1", 22, format!("# x\n\n  n1 {a} c\n"), "known 3"),
        ("tabs, carriage return", "n1", 22, format!("n1\t{a}\r\n"), "known 1"),
        ("case of the file", "n1", 22, format!("N1 {a}"), "known 1"),
        ("case of the host", "N1", 22, format!("n1 {a}"), "known 1"),
        ("another host", "n1", 22, format!("n2 {a}"), "unknown"),
        ("empty file", "n1", 22, String::new(), "unknown"),
        ("another key", "n1", 22, format!("n1 {b}"), "changed 1"),
        ("several keys, one fits", "n1", 22, format!("n1 {b}\nn1 {a}"), "known 2"),
        ("list", "10.0.0.1", 22, format!("n1,10.0.0.1 {a}"), "known 1"),
        ("star", "n1.lan", 22, format!("*.lan {a}"), "known 1"),
        ("star in the middle", "n1-a.lan", 22, format!("n*a.l*n {a}"), "known 1"),
        ("question mark", "n1", 22, format!("n? {a}"), "known 1"),
        ("question mark needs one", "n", 22, format!("n? {a}"), "unknown"),
        ("negated", "n1", 22, format!("n*,!n1 {a}"), "unknown"),
        ("negated first", "n1", 22, format!("!n1,n* {a}"), "unknown"),
        ("negation of another", "n1", 22, format!("n*,!n2 {a}"), "known 1"),
        ("only negated", "n1", 22, format!("!n2 {a}"), "unknown"),
        ("port", "n1", 2222, format!("[n1]:2222 {a}"), "known 1"),
        ("another port", "n1", 2222, format!("[n1]:2223 {a}"), "unknown"),
        ("port, recorded without", "n1", 2222, format!("n1 {a}"), "known 1"),
        ("port, another key without", "n1", 2222, format!("n1 {b}"), "unknown"),
        ("port first", "n1", 2222, format!("n1 {a}\n[n1]:2222 {b}"), "changed 2"),
        ("default port is not written", "n1", 22, format!("[n1]:22 {a}"), "unknown"),
        ("port by wildcard", "n1", 2222, format!("[n*]:2222 {a}"), "known 1"),
        ("address of version 6", "::1", 2222, format!("[::1]:2222 {a}"), "known 1"),
        ("revoked wins", "n1", 22, format!("n1 {a}\n@revoked n1 {a}"), "revoked 2"),
        ("revoked everywhere", "n1", 22, format!("@revoked * {a}\nn1 {a}"), "revoked 1"),
        (
            "revoked without port",
            "n1",
            2222,
            format!("[n1]:2222 {a}\n@revoked n1 {a}"),
            "revoked 2",
        ),
        ("another is revoked", "n1", 22, format!("@revoked n1 {b}\nn1 {a}"), "known 2"),
        ("revoked elsewhere", "n1", 22, format!("@revoked n2 {a}\nn1 {a}"), "known 2"),
        ("authority", "n1", 22, format!("@cert-authority n1 {a}"), "unknown, 1 unused"),
        ("authority and key", "n1", 22, format!("@cert-authority * {b}\nn1 {a}"), "known 2"),
        ("bad key", "n1", 22, "n1 ssh-ed25519 AAAA".into(), "unknown"),
        (
            "key of another type than said",
            "n1",
            22,
            format!("n1 ecdsa-sha2-nistp256 {}", &a[12..]),
            "unknown",
        ),
        ("too few words", "n1", 22, "n1 ssh-ed25519".into(), "unknown"),
        ("not hashed properly", "n1", 22, format!("|1|zzz {a}"), "unknown"),
        ("rsa only", "n1", 22, format!("n1 {rsa}"), "unknown, 1 unused"),
    ];
    for (name, address, port, file, wanted) in table {
        let known = KnownHosts::parse(file.as_bytes()).expect(name);
        let verdict = known.judge(&HostName::new(address, *port), &shown);
        assert_eq!(word(&verdict), *wanted, "{name}: {file}");
    }
}

#[test]
fn lines_that_must_not_be_passed_over() {
    let a = key(1).to_openssh().unwrap();
    let table: &[(&[u8], usize)] = &[
        (b"@revoked n1 ssh-ed25519 AAAA", 1),
        (b"# x\n@revoked n1\n", 2),
        (b"\t@revoked n1 \xff\xfe AAAA\n", 1),
        (b"@revokd n1 ssh-ed25519 AAAA", 1),
    ];
    for (file, line) in table {
        let refused = KnownHosts::parse(file).expect_err("refused");
        assert_eq!(refused.line, *line, "{}", String::from_utf8_lossy(file));
    }
    let file = [b"n1 \xff\n".as_slice(), format!("n1 {a}\n").as_bytes()].concat();
    let known = KnownHosts::parse(&file).expect("other lines count");
    assert_eq!(known.unread().len(), 1);
    let verdict = known.judge(&HostName::new("n1", 22), &key(1));
    assert_eq!(verdict, Verdict::Known { line: 2 });
}

#[test]
fn recorded_types_are_asked_for_first() {
    let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQE\
                 ezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=";
    let known = KnownHosts::parse(format!("n1 {ecdsa}\n").as_bytes()).unwrap();
    assert!(known.unread().is_empty(), "{:?}", known.unread());
    let first = |host| known.algorithms(&HostName::new(host, 22))[0].to_string();
    assert_eq!(first("n1"), "ecdsa-sha2-nistp256");
    assert_eq!(first("n2"), "ssh-ed25519");
    assert_eq!(known.algorithms(&HostName::new("n1", 22)).len(), ALGORITHMS.len());
}
