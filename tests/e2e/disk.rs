//! A disk that takes nothing more: no effect, said loudly.

use std::fs;
use std::path::PathBuf;

use crate::process::program;
use crate::scene::Scene;
use crate::site::AGENT;

/// A file system of its own that is full; unmounted when it is dropped.
pub(crate) struct Full(PathBuf);

impl Full {
    /// With what was there, and no room for more.
    pub(crate) fn keeping(path: PathBuf) -> Self {
        let kept = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
        let kept: Vec<_> = kept.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        let mut mount = program("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "ananke-e2e"]).arg(&path);
        assert!(mount.status().unwrap().success(), "{mount:?}");
        let full = Self(path);
        for (path, content) in &kept {
            fs::write(path, content).unwrap();
        }
        let filled = fs::write(full.0.join("ballast"), vec![0; 2 << 20]);
        assert!(filled.is_err(), "two mebibytes do not fit");
        full
    }

    fn at(path: PathBuf) -> Self {
        let mut mount = program("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "ananke-e2e"]).arg(&path);
        assert!(mount.status().unwrap().success(), "{mount:?}");
        let full = Self(path);
        let filled = fs::write(full.0.join("ballast"), vec![0; 1 << 20]);
        assert!(filled.is_err(), "a mebibyte does not fit");
        full
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        drop(program("umount").arg(&self.0).status());
    }
}

#[test]
fn with_a_full_disk_nothing_is_begun() {
    let scene = Scene::open("full disk");
    scene.site.stop_agent();
    let mark = scene.mark();
    let full = Full::at(scene.path("state"));
    let answer = scene.ananke(&["startup", "--execute", "--timeout", "20"]);
    assert!(answer.code.is_some_and(|code| code != 0), "{answer}");
    answer.says("No space left on device");
    assert_eq!(scene.begun_since(&mark), [""; 0]);
    assert_eq!(scene.site.unit(AGENT, "k3s-agent"), "inactive");
    drop(full);
    scene.site.on(AGENT, "sudo systemctl start k3s-agent");
    scene.close();
}

#[test]
fn a_disk_that_fills_up_on_the_way_stops_every_new_effect() {
    let scene = Scene::open("disk fills up");
    // Two orders, so that there is a ledger to go on with.
    scene.ananke(&["pause", "--reason", "a first record"]).exits(0);
    scene.ananke(&["resume"]).exits(0);
    scene.site.stop_agent();
    let mark = scene.mark();
    let full = Full::keeping(scene.path("state"));
    let answer = scene.ananke(&["startup", "--execute", "--timeout", "20"]);
    assert!(answer.code.is_some_and(|code| code != 0), "{answer}");
    answer.says("No space left on device");
    assert_eq!(scene.begun_since(&mark), [""; 0]);
    assert_eq!(scene.site.unit(AGENT, "k3s-agent"), "inactive");
    drop(full);
    let answer = scene.startup(0);
    assert_eq!(answer["actions"].as_array().unwrap().len(), 1, "{answer:#}");
    scene.replays();
    scene.close();
}
