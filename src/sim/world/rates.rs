//! Every clock and rule that the world copies, with its source. Nothing else in `world` names a
//! length of time.

use crate::model::time::Span;

/// The share of a boot that passes in the firmware and the boot loader, in percent: on a server
/// most of it is memory training and option ROMs, and nothing answers meanwhile.
pub const FIRMWARE_SHARE: u64 = 60;

/// How much a boot differs from the one before, to both sides, in percent.
pub const BOOT_JITTER: u64 = 10;

/// How long a machine that boots in a loop stays up before it loses itself.
pub const LOOP_STAYS_UP: Span = Span::secs(20);

/// When network time arrives after sshd, where there is a network: systemd-timesyncd asks at once
/// when a link comes up and again after its first back-off (systemd-timesyncd.service(8)).
pub const NETWORK_TIME: Span = Span::secs(15);

/// `RestartSec=5s`, with `Restart=always` and `TimeoutStartSec=0` (k3s install.sh,
/// `create_systemd_service_file`).
pub const UNIT_RESTART: Span = Span::secs(5);

/// `DefaultStartLimitIntervalSec=` (systemd-system.conf(5)). With `RestartSec=5s` restarts by
/// themselves never reach the limit; starts by hand do.
pub const START_LIMIT_INTERVAL: Span = Span::secs(10);

/// `DefaultStartLimitBurst=` (systemd-system.conf(5)).
pub const START_LIMIT_BURST: usize = 5;

/// How long k3s lives before it exits over a fault of its own: it unpacks, reads its
/// configuration, and says `level=fatal`.
pub const FAILS_AFTER: Span = Span::secs(2);

/// From the start of k3s' process to an etcd member that talks to its peers.
pub const MEMBER_JOINS: Span = Span::secs(3);

/// k3s runs its etcd with an election time-out of 5 s (`ElectionTimeout: 5000`,
/// k3s pkg/etcd/etcd.go); raft draws each member's between one and two of them.
pub const ELECTION: Span = Span::secs(5);

/// From an etcd with a leader to a server whose `/readyz` says ok and whose unit is active:
/// API server, bootstrap hooks, controllers. Seconds on a PC.
pub const SERVER_READY: Span = Span::secs(9);

/// An agent without a server tries again every so often: `Waiting to retrieve agent
/// configuration; server is not ready` (k3s pkg/agent/config/config.go).
pub const AGENT_RETRY: Span = Span::secs(5);

/// From an answer of a server to an agent that is active: certificates, containerd, kubelet.
pub const AGENT_READY: Span = Span::secs(6);

/// `renewDeadline` of leader election (client-go defaults in kube-controller-manager and k3s):
/// a holder that can't renew for so long ends, and with it all of k3s: `leaderelection lost`.
pub const RENEW_DEADLINE: Span = Span::secs(10);

/// `leaseDuration` of leader election: nobody takes over before the lease of the one before was
/// seen unchanged for so long. After a cold start that is the lease from before the outage.
pub const LEADER_LEASE: Span = Span::secs(15);

/// `retryPeriod` of leader election.
pub const LEADER_RETRY: Span = Span::secs(2);

/// A kubelet renews its lease at a quarter of its 40 s (`nodeLeaseRenewIntervalFraction`,
/// kubelet; node-lease KEP-589).
pub const LEASE_RENEWAL: Span = Span::secs(10);

/// `leaseDurationSeconds` of a node's lease, in seconds (`nodeLeaseDurationSeconds`).
pub const LEASE_SECONDS: u64 = 40;

/// The longest pause between two tries to renew (component-helpers apimachinery/lease:
/// `maxBackoff`).
pub const LEASE_RETRY: Span = Span::secs(7);

/// A kubelet looks at its node's status this often (`nodeStatusUpdateFrequency`), and posts it
/// if it differs.
pub const STATUS_UPDATE: Span = Span::secs(10);

/// ... and this often if it does not (`nodeStatusReportFrequency`).
pub const STATUS_REPORT: Span = Span::mins(5);

/// From the start of a kubelet to its first status of the node, with the new boot id.
pub const KUBELET_REGISTERS: Span = Span::secs(2);

/// From there to Ready: the network plugin is there and the runtime answers.
pub const NETWORK_PLUGIN: Span = Span::secs(8);

/// `--node-monitor-period` of kube-controller-manager.
pub const NODE_MONITOR: Span = Span::secs(5);

/// `--node-monitor-grace-period`: 50 s since Kubernetes 1.32 (kubernetes#127352), 40 s before.
/// Counted from when the controller itself last saw the node's lease move.
pub const NODE_GRACE: Span = Span::secs(50);

/// `tolerationSeconds` that the DefaultTolerationSeconds admission plugin gives to every pod for
/// `not-ready` and `unreachable`.
pub const EVICTION: Span = Span::secs(300);

/// `--unhealthy-zone-threshold`, in percent. Above it a zone of at most 50 nodes
/// (`--large-cluster-size-threshold`) gets no more NoExecute taints: nothing is evicted.
pub const UNHEALTHY_ZONE: usize = 55;

/// A zone with fewer nodes than this that are not ready is never "unhealthy"
/// (kube-controller-manager, `ComputeZoneState`: more than two).
pub const UNHEALTHY_ZONE_MIN: usize = 3;

/// From an empty battery to a full one, with mains: lead batteries take hours.
pub const UPS_RECHARGE: Span = Span::mins(8 * 60);

/// k3s, server and agent, ends with `server time isn't set properly` if its clock is before
/// 1980-01-01 (k3s pkg/cli/cmds/log.go, `checkUnixTimestamp`): from 1970, ten years.
pub const K3S_EARLIEST: Span = Span::secs(315_532_800);

/// How long everything had been up when the world began.
pub const UP_BEFORE: Span = Span::mins(9 * 24 * 60);

/// From the word to start a container whose image is there to a process in it.
pub const CONTAINER_STARTS: Span = Span::secs(3);

/// How long a container waits for what it needs before it ends, as most programs do that ask for
/// a name or a database once.
pub const CONTAINER_GIVES_UP: Span = Span::secs(8);

/// CrashLoopBackOff begins with this, and doubles (kubelet, `backOffPeriod`; KEP-4603).
pub const BACK_OFF: Span = Span::secs(10);

/// ... up to this (kubelet, `MaxContainerBackOff`).
pub const BACK_OFF_MAX: Span = Span::secs(300);

/// A container that ran for so long begins anew (Kubernetes docs, "Pod Lifecycle").
pub const BACK_OFF_RESET: Span = Span::mins(10);

/// How long an image takes that the node does not have: 127 MB in 1.8 s on a testbed of one
/// machine, and a board writes to an SD card.
pub const IMAGE_PULL: Span = Span::secs(8);

/// ImagePullBackOff begins with this, and doubles; it belongs to one pod and one image, so a new
/// pod begins anew (kubelet, `backOffPeriod` of `imageBackOff`).
pub const PULL_BACK_OFF: Span = Span::secs(10);

/// ... up to this (kubelet, `MaxContainerBackOff`).
pub const PULL_BACK_OFF_MAX: Span = Span::secs(300);

/// A volume is detached by force from a node that is not healthy so long after its last pod is
/// gone (attach-detach controller, `maxWaitForUnmountDuration`).
pub const FORCE_DETACH: Span = Span::mins(6);

/// `LeaseDuration` of Flux' controllers (fluxcd/pkg runtime/leaderelection). A candidate waits for
/// it from when it saw the lease first: `releaseOnCancel` does not run when the power goes.
pub const FLUX_LEASE: Span = Span::secs(35);

/// `RenewDeadline` of Flux' controllers: one that can't renew for so long ends.
pub const FLUX_RENEW_DEADLINE: Span = Span::secs(30);

/// `RetryPeriod` of Flux' controllers.
pub const FLUX_RETRY: Span = Span::secs(5);

/// The first pause after a source failed (source-controller, `--min-retry-delay`). Doubles.
pub const SOURCE_BACK_OFF: Span = Span::millis(750);

/// ... up to this (source-controller, `--max-retry-delay`).
pub const SOURCE_BACK_OFF_MAX: Span = Span::mins(15);

/// `spec.interval` of the site's GitRepository.
pub const SOURCE_INTERVAL: Span = Span::mins(1);

/// `spec.interval` of the site's Kustomizations and of its HelmRelease.
pub const FLUX_INTERVAL: Span = Span::mins(10);

/// A missing artifact or dependency is asked for again after this (kustomize-controller,
/// `--requeue-dependency`).
pub const REQUEUE_DEPENDENCY: Span = Span::secs(30);

/// `spec.retryInterval` of the site's Kustomizations.
pub const KUSTOMIZATION_RETRY: Span = Span::mins(2);

/// `spec.timeout` of the site's Kustomizations: so long a health check holds one of the workers.
pub const HEALTH_TIMEOUT: Span = Span::mins(5);

/// How often a health check looks (kustomize-controller: every 5 s; measured on a testbed).
pub const HEALTH_POLL: Span = Span::secs(5);

/// Kustomizations that are worked on at once (kustomize-controller, `--concurrent`).
pub const KUSTOMIZE_WORKERS: usize = 4;

/// From the start of a run to everything applied: fetch, build, dry run, apply. Under a second on
/// a PC, more on a board.
pub const KUSTOMIZATION_APPLIES: Span = Span::secs(2);

/// A length as Kubernetes and Flux write it: `1m0s`, `10m0s`, `30s`.
pub(super) fn shown(span: Span) -> String {
    let (minutes, seconds) = (span.as_secs() / 60, span.as_secs() % 60);
    match minutes {
        0 => format!("{seconds}s"),
        minutes => format!("{minutes}m{seconds}s"),
    }
}

/// How often an artifact is asked for in one run (kustomize-controller, `--artifact-retries`: 9
/// after the first).
pub const FETCH_TRIES: u32 = 10;

/// The first pause between two of them (fluxcd/pkg http/fetch: retryablehttp). Doubles.
pub const FETCH_WAIT: Span = Span::secs(5);

/// ... up to this.
pub const FETCH_WAIT_MAX: Span = Span::secs(30);

/// A UPS takes something for itself: with nothing on it a battery still drains as with so many
/// thousandths of its load. Small line-interactive units take 5 to 10 W of 100.
pub const UPS_LEAST_LOAD: u64 = 50;

/// `battery.charge.low` of the site's UPSes, in percent: below it they say `LB`.
pub const UPS_LOW_CHARGE: u8 = 20;

/// `battery.runtime.low` of the site's UPSes.
pub const UPS_LOW_RUNTIME: Span = Span::secs(120);

/// `systemctl poweroff` of a node whose containers run on: systemd waits `DefaultTimeoutStopSec`
/// for those that ignore SIGTERM (92 s measured on a testbed; 90 s of it are this).
pub const POWER_OFF_WITH_PODS: Span = Span::secs(92);

/// The same where no container runs (1.9 s measured).
pub const POWER_OFF_BARE: Span = Span::secs(2);
