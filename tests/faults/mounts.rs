//! Disks of the test's own, which it may fill, enlarge and cut the power of. Needs root.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Runs a program to its end.
pub fn run(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).output();
    let done = done.unwrap_or_else(|fault| panic!("{program} does not start: {fault}"));
    assert!(
        done.status.success(),
        "{program} {arguments:?}: {}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn unmount(path: &Path) {
    run("umount", &["-l", text(path)]);
}

/// A small disk in memory.
pub struct Small {
    folder: TempDir,
}

impl Small {
    pub fn mount(mib: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let size = format!("size={mib}m");
        run(
            "mount",
            &["-t", "tmpfs", "-o", &size, "tmpfs", text(folder.path())],
        );
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it to the last page.
    pub fn fill(&self) {
        let ballast = self.path().join("ballast");
        let mut ballast = File::options()
            .create(true)
            .append(true)
            .open(ballast)
            .expect("a file needs no room");
        while ballast.write_all(&[0; 4096]).is_ok() {}
    }

    /// Takes the ballast away.
    pub fn clear(&self) {
        std::fs::remove_file(self.path().join("ballast")).expect("it was filled");
    }

    pub fn enlarge(&self, mib: u64) {
        let size = format!("remount,size={mib}m");
        run("mount", &["-o", &size, text(self.path())]);
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        unmount(self.path());
    }
}

/// A disk whose power can be cut: an image that is cloned at once, in a file system that can. What was not synced
/// is not in the clone.
pub struct Powered {
    folder: TempDir,
    cuts: usize,
}

impl Powered {
    /// Of this size, mounted.
    pub fn mount(mib: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Self { folder, cuts: 0 };
        let outer = disk.folder.path().join("outer.img");
        sized(&outer, mib * 2 + 512);
        run("mkfs.xfs", &["-q", "-m", "reflink=1", text(&outer)]);
        std::fs::create_dir(disk.outer()).expect("a folder");
        std::fs::create_dir(disk.path()).expect("a folder");
        run("mount", &["-o", "loop", text(&outer), text(&disk.outer())]);
        let inner = disk.image();
        sized(&inner, mib);
        run("mkfs.ext4", &["-q", text(&inner)]);
        disk.plug();
        disk
    }

    /// Where its files are.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn outer(&self) -> PathBuf {
        self.folder.path().join("outer")
    }

    fn image(&self) -> PathBuf {
        self.outer().join(format!("{}.img", self.cuts))
    }

    fn plug(&self) {
        run(
            "mount",
            &["-o", "loop", text(&self.image()), text(&self.path())],
        );
    }

    /// Cuts the power: from here on nothing that happens on the mounted disk counts.
    pub fn cut(&mut self) {
        let before = self.image();
        self.cuts += 1;
        run(
            "cp",
            &["--reflink=always", text(&before), text(&self.image())],
        );
    }

    /// Gives it power again: what had reached it is there. Nobody may have a file open on it.
    pub fn restore(&self) {
        run("umount", &[text(&self.path())]);
        let past = self.outer().join(format!("{}.img", self.cuts - 1));
        std::fs::remove_file(past).expect("it is there");
        self.plug();
    }
}

impl Drop for Powered {
    fn drop(&mut self) {
        for path in [self.path(), self.outer()] {
            // What is not mounted need not be unmounted.
            drop(Command::new("umount").arg("-l").arg(path).output());
        }
    }
}

fn sized(path: &Path, mib: u64) {
    let file = File::create(path).expect("a file");
    file.set_len(mib * 1024 * 1024).expect("a sparse file");
}
