//! The body of the helper container: the one with rights, for runners that have none.

use super::{Spec, agent_name};
use crate::runtime::docker::labels::Role;
use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig};
use std::path::Path;

/// What the agent needs: to program namespaces, to enter them, to look at processes of others, to end a program that ran
/// out of time whoever it runs as, and for the user-space shaper, to send what it held in a node's name.
const CAPABILITIES: [&str; 5] = ["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE", "KILL"];

impl Spec<'_> {
    /// The body for the helper, under [`agent_name`]. `argv` follows the program's name.
    ///
    /// The runner's socket is mounted by itself, at its own path: root without the right to overrule permissions
    /// cannot pass the runner's private folder. It must be writable for everybody; its folder keeps others out.
    pub fn agent(&self, argv: &[String], socket: &Path) -> ContainerCreateBody {
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        let socket = socket.display();
        let host_config = HostConfig {
            pid_mode: Some("host".to_owned()),
            network_mode: Some("host".to_owned()),
            userns_mode: Some("host".to_owned()),
            cap_drop: words(&["ALL"]),
            cap_add: words(&CAPABILITIES),
            security_opt: words(&["apparmor=unconfined", "seccomp=unconfined", "label=disable"]),
            binds: Some(vec![format!("{socket}:{socket}")]),
            auto_remove: Some(true),
            log_config: Some(no_log()),
            ..HostConfig::default()
        };
        ContainerCreateBody {
            image: Some(self.own_image.to_owned()),
            entrypoint: words(&["/blockade"]),
            cmd: Some(argv.to_vec()),
            labels: Some(self.labels(Role::Agent, None)),
            // Its end by SIGTERM heals, and when the daemon goes down with a cluster that stands, nothing is to be
            // healed: whatever ends the helper but the runner's own end must leave the rules as they are.
            stop_signal: Some("SIGKILL".to_owned()),
            host_config: Some(host_config),
            ..ContainerCreateBody::default()
        }
    }

    /// The helper's name.
    pub fn agent_name(&self) -> String {
        agent_name(self.cluster)
    }
}

/// Output that nobody reads needs no driver.
pub(super) fn no_log() -> HostConfigLogConfig {
    HostConfigLogConfig { typ: Some("none".to_owned()), config: None }
}
