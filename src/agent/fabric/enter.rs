//! The way into the fabric's namespaces, and what it means when a machine refuses.

use crate::agent::sys::{self, io};
use crate::error::{Error, Result};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::UnshareFlags;
use std::fs;

/// Where on the way a machine refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A new user namespace.
    UserNamespace,
    /// The map of user and group ids in it.
    IdMap,
    /// The other namespaces.
    Namespaces,
    /// The first mount: the one thing that needs a capability, which AppArmor denies where it lets the rest pass.
    Mount,
    /// A fresh `/proc`.
    Proc,
}

/// Enters all namespaces of the fabric but pid, which the next child enters. Returns whether a user namespace was
/// needed for it.
pub(super) fn enter() -> Result<bool> {
    let fabric =
        UnshareFlags::NEWPID | UnshareFlags::NEWNET | UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    // Root in a container often has no CAP_SYS_ADMIN; a user namespace may still be allowed there.
    if rustix::process::geteuid().is_root() && sys::unshare(fabric).is_ok() {
        return Ok(false);
    }
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    sys::unshare(UnshareFlags::NEWUSER).map_err(|errno| refused(Step::UserNamespace, errno))?;
    write_map("setgroups", "deny").map_err(|errno| refused(Step::IdMap, errno))?;
    write_map("uid_map", &format!("{0} {0} 1", uid.as_raw())).map_err(|errno| refused(Step::IdMap, errno))?;
    write_map("gid_map", &format!("{0} {0} 1", gid.as_raw())).map_err(|errno| refused(Step::IdMap, errno))?;
    sys::unshare(fabric).map_err(|errno| refused(Step::Namespaces, errno))?;
    Ok(true)
}

/// Cuts the mounts off from the host's, and shows the fabric's processes in `/proc`. Inside of the pid namespace.
pub(crate) fn mounts() -> Result<()> {
    let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    mount_change("/", private).map_err(|errno| refused(Step::Mount, errno))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None).map_err(|errno| refused(Step::Proc, errno))
}

fn write_map(file: &str, content: &str) -> Result<(), Errno> {
    fs::write(format!("/proc/self/{file}"), content).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

fn refused(step: Step, errno: Errno) -> Error {
    explain(step, errno, &Settings::read())
}

/// The settings of a machine that decide about user namespaces; none where the kernel does not have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `kernel.apparmor_restrict_unprivileged_userns` (Ubuntu from 23.10).
    pub apparmor_restricts: Option<u64>,
    /// `kernel.unprivileged_userns_clone` (Debian).
    pub unprivileged_clone: Option<u64>,
    /// `user.max_user_namespaces`.
    pub namespaces_max: Option<u64>,
}

impl Settings {
    /// This machine's.
    pub fn read() -> Self {
        let number = |name: &str| fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().parse().ok();
        Self {
            apparmor_restricts: number("kernel/apparmor_restrict_unprivileged_userns"),
            unprivileged_clone: number("kernel/unprivileged_userns_clone"),
            namespaces_max: number("user/max_user_namespaces"),
        }
    }
}

/// The cause of a refusal and its mend.
pub fn explain(step: Step, errno: Errno, settings: &Settings) -> Error {
    let what = match step {
        Step::UserNamespace => "create a user namespace",
        Step::IdMap => "map the user's id into a user namespace",
        Step::Namespaces => "create namespaces",
        Step::Mount => "mount anything in a namespace of our own",
        Step::Proc => "mount a fresh /proc",
    };
    let error = |cause: &str| Error::machine(format!("cannot {what}: {cause}"));
    let denied = matches!(errno, Errno::PERM | Errno::ACCESS);
    if settings.namespaces_max == Some(0) && step == Step::UserNamespace {
        return error("user namespaces are switched off (user.max_user_namespaces is 0)")
            .help("`sudo sysctl user.max_user_namespaces=10000`, or run blockade as root");
    }
    if denied && settings.unprivileged_clone == Some(0) {
        return error("user namespaces are for root only (kernel.unprivileged_userns_clone is 0)")
            .help("`sudo sysctl kernel.unprivileged_userns_clone=1`, or run blockade as root");
    }
    if denied && settings.apparmor_restricts.is_some_and(|restricts| restricts != 0) {
        return error("AppArmor denies rights in user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)")
            .help("`sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or run blockade as root");
    }
    if denied && step == Step::Proc {
        return error("parts of this machine's /proc are hidden, as in a container")
            .help("run blockade outside of the container, or start it with `--security-opt systempaths=unconfined`");
    }
    error(&io(errno)).help(match errno {
        Errno::INVAL => "this kernel has no user namespaces (CONFIG_USER_NS): run blockade as root",
        Errno::NOSPC => "the limit of namespaces is reached: see the sysctls user.max_*_namespaces",
        _ if denied => "a container or a security module forbids it: run blockade outside of it, or as root",
        _ => "run blockade as root",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(step: Step, errno: Errno, settings: Settings) -> String {
        explain(step, errno, &settings).to_string()
    }

    #[test]
    fn ubuntus_apparmor_is_named_with_its_mend_wherever_it_strikes() {
        for step in [Step::IdMap, Step::Namespaces, Step::Mount] {
            let settings = Settings { apparmor_restricts: Some(1), namespaces_max: Some(1000), ..Settings::default() };
            let text = text(step, Errno::PERM, settings);
            assert!(text.contains("AppArmor") && text.contains("sudo sysctl kernel.apparmor_restrict"), "{text}");
        }
    }

    #[test]
    fn switched_off_user_namespaces_are_named() {
        insta::assert_snapshot!(
            text(Step::UserNamespace, Errno::NOSPC, Settings { namespaces_max: Some(0), ..Settings::default() }),
            @"cannot create a user namespace: user namespaces are switched off (user.max_user_namespaces is 0) (`sudo sysctl user.max_user_namespaces=10000`, or run blockade as root)"
        );
        insta::assert_snapshot!(
            text(Step::UserNamespace, Errno::PERM, Settings { unprivileged_clone: Some(0), ..Settings::default() }),
            @"cannot create a user namespace: user namespaces are for root only (kernel.unprivileged_userns_clone is 0) (`sudo sysctl kernel.unprivileged_userns_clone=1`, or run blockade as root)"
        );
    }

    #[test]
    fn a_masked_proc_points_at_the_container() {
        insta::assert_snapshot!(
            text(Step::Proc, Errno::PERM, Settings::default()),
            @"cannot mount a fresh /proc: parts of this machine's /proc are hidden, as in a container (run blockade outside of the container, or start it with `--security-opt systempaths=unconfined`)"
        );
    }

    #[test]
    fn an_unknown_refusal_shows_the_systems_own_words() {
        insta::assert_snapshot!(
            text(Step::Namespaces, Errno::PERM, Settings::default()),
            @"cannot create namespaces: Operation not permitted (os error 1) (a container or a security module forbids it: run blockade outside of it, or as root)"
        );
    }
}
