//! From what was tried to what it means for the user. Pure.

use super::machine::{DockerState, Machine};
use super::probe::{Facts, Trial};
use crate::Error;
use crate::agent::{Settings, Step, explain};
use rustix::io::Errno;
use serde::Serialize;

/// What a machine can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The kernel's release.
    pub kernel: String,
    /// Whether everything was tried with root's rights.
    pub root: bool,
    /// Whether clusters in namespaces can run here.
    pub ok: bool,
    /// One after the other, in the order in which they build on each other.
    pub findings: Vec<Finding>,
}

/// One thing that a machine can or cannot do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub name: &'static str,
    /// Whether the machine can do it.
    pub ok: bool,
    /// Whether nothing runs without it.
    pub essential: bool,
    /// What it is for, or why it does not work.
    pub detail: String,
    /// What is lost without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<&'static str>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

/// A feature of the kernel, and how to come by it.
pub(super) struct Feature {
    pub(super) name: &'static str,
    essential: bool,
    used_for: &'static str,
    lost: &'static str,
    /// `None` where no module brings it: it is built in or not.
    module: Option<&'static str>,
    option: &'static str,
}

const NOTHING_RUNS: &str = "clusters in namespaces; `--runtime sim` and Docker are left";

const LINKS: Feature = Feature {
    name: "bridge and veth",
    essential: true,
    used_for: "the network between the nodes",
    lost: NOTHING_RUNS,
    module: Some("-a bridge veth"),
    option: "CONFIG_BRIDGE and CONFIG_VETH",
};
const DROPS: Feature = Feature {
    name: "nftables (inet)",
    essential: true,
    used_for: "partition, isolate, one_way and block",
    lost: "every cut between nodes",
    module: Some("nf_tables"),
    option: "CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET",
};
const REJECTS: Feature = Feature {
    name: "nftables reject",
    essential: false,
    used_for: "reject",
    lost: "reject(): links can only be silent",
    module: Some("-a nft_reject_inet nft_fib_inet"),
    option: "CONFIG_NFT_REJECT_INET, from Linux 5.9 on, and CONFIG_NFT_FIB_INET",
};
const EGRESS: Feature = Feature {
    name: "nftables (netdev egress)",
    essential: false,
    used_for: "cuts towards the world",
    lost: "block(node, \"world\") and isolate(): what a node sends to the world",
    module: None,
    option: "CONFIG_NETFILTER_EGRESS, from Linux 5.16 on",
};
const CHANCE: Feature = Feature {
    name: "nftables (numgen)",
    essential: false,
    used_for: "flaky, where sch_netem is missing",
    lost: "cheap losses on kernels without sch_netem; the user-space shaper takes its place",
    module: Some("nft_numgen"),
    option: "CONFIG_NFT_NUMGEN",
};
pub(super) const NETEM: Feature = Feature {
    name: "sch_netem",
    essential: false,
    used_for: "delay, loss and reordering in the kernel",
    lost: "slow, flaky and the like by the kernel itself; a queue in user space can take its place",
    module: Some("sch_netem"),
    option: "CONFIG_NET_SCH_NETEM",
};
pub(super) const HTB: Feature = Feature {
    name: "sch_htb",
    essential: false,
    used_for: "throttle, and delays that differ from link to link",
    lost: "rates and delays for single links",
    module: Some("sch_htb"),
    option: "CONFIG_NET_SCH_HTB",
};
pub(super) const QUEUE: Feature = Feature {
    name: "nfnetlink_queue",
    essential: false,
    used_for: "the user-space shaper: what comes from the world, what netem does inexactly, and all of it without sch_netem",
    lost: "slow and the like on links from the world, and everywhere on kernels without sch_netem",
    module: Some("-a nfnetlink_queue xt_NFQUEUE nft_queue"),
    option: "CONFIG_NETFILTER_NETLINK_QUEUE, and CONFIG_NETFILTER_XT_TARGET_NFQUEUE or CONFIG_NFT_QUEUE",
};

impl Report {
    /// The judgement on a machine.
    #[must_use]
    pub fn of(machine: &Machine, facts: &Facts) -> Self {
        let features = [
            (LINKS, &facts.links),
            (DROPS, &facts.drops),
            (REJECTS, &facts.rejects),
            (EGRESS, &facts.egress),
            (CHANCE, &facts.chance),
            (NETEM, &facts.netem),
            (HTB, &facts.htb),
            (QUEUE, &facts.queue),
        ];
        let mut findings = vec![namespaces(machine, facts), proc(facts)];
        findings.extend(machine.root.then(|| users(&machine.settings)));
        findings.extend(features.into_iter().map(|(feature, trial)| feature.judge(trial, machine)));
        findings.push(impairments(facts));
        findings.extend(docker(machine));
        let ok = findings.iter().all(|finding| finding.ok || !finding.essential);
        Self { kernel: machine.kernel.clone(), root: machine.root, ok, findings }
    }

    /// What is said of a thing that this machine cannot do, in one line.
    pub(super) fn lacking(&self, name: &str) -> Option<String> {
        let finding = self.findings.iter().find(|finding| finding.name == name && !finding.ok)?;
        let mend = finding.mend.as_ref().map(|mend| format!("; {mend}")).unwrap_or_default();
        Some(format!("this machine has no {name} ({}){mend}", finding.detail))
    }

    /// Whether it could be tried whether the machine can do a thing.
    pub(super) fn has_tried(&self, name: &str) -> bool {
        self.findings.iter().any(|finding| finding.name == name && (finding.ok || finding.lost.is_some()))
    }

    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let rights = if self.root { "root" } else { "an ordinary user" };
        let head = format!("Linux {}, tried as {rights}\n", self.kernel);
        let last = if self.ok {
            "ready: clusters in namespaces run here"
        } else {
            "not ready: no cluster in namespaces runs here"
        };
        self.findings.iter().fold(head, |text, finding| text + finding.text().as_str()) + last + "\n"
    }
}

impl Finding {
    fn yes(name: &'static str, essential: bool, detail: impl Into<String>) -> Self {
        Self { name, ok: true, essential, detail: detail.into(), lost: None, mend: None }
    }

    fn text(&self) -> String {
        let word = if self.ok { "yes" } else { "NO " };
        let mut text = format!("  {word}  {:<26}{}\n", self.name, self.detail);
        let more = [("lost", self.lost), ("mend", self.mend.as_deref())];
        for (word, what) in more.into_iter().filter_map(|(word, what)| Some((word, what?))) {
            text = text + " ".repeat(33).as_str() + word + ": " + what + "\n";
        }
        text
    }
}

impl Feature {
    fn judge(&self, trial: &Trial, machine: &Machine) -> Finding {
        match trial {
            Some(Ok(())) => Finding::yes(self.name, self.essential, format!("for {}", self.used_for)),
            None => Finding {
                ok: false,
                ..Finding::yes(self.name, self.essential, "not tried: it needs what is missing above")
            },
            Some(Err(error)) => Finding {
                ok: false,
                lost: Some(self.lost),
                mend: Some(self.mend(machine)),
                ..Finding::yes(self.name, self.essential, reason(error))
            },
        }
    }

    fn mend(&self, machine: &Machine) -> String {
        match self.module {
            Some(module) => machine.distribution.module(module, self.option),
            None => format!("a kernel with {}", self.option),
        }
    }
}

/// The kernel's own words, without the rule they are about.
fn reason(error: &Error) -> String {
    error.message.rsplit_once("`: ").map_or(error.message.as_str(), |(_, reason)| reason).to_owned()
}

/// By which means links are impaired here, as `plan::means` chooses them.
fn impairments(facts: &Facts) -> Finding {
    let has = |trial: &Trial| matches!(trial, Some(Ok(())));
    let finding = Finding::yes("impaired links", false, "");
    let mut means = Vec::new();
    let has_netem = has(&facts.netem) && has(&facts.htb);
    if has_netem {
        means.push("netem and HTB");
    } else {
        means.extend(has(&facts.chance).then_some("loss by nftables"));
        means.extend(has(&facts.htb).then_some("rates by HTB"));
    }
    if has(&facts.queue) {
        means.push(if has_netem {
            "what comes from the world, and what netem does inexactly, by the user-space shaper"
        } else {
            "all else by the user-space shaper"
        });
    }
    if means.is_empty() {
        let lost = Some("slow, flaky, throttle and the like");
        return Finding { ok: false, detail: "nothing here can impair links".to_owned(), lost, ..finding };
    }
    Finding { detail: means.join("; "), ..finding }
}

fn namespaces(machine: &Machine, facts: &Facts) -> Finding {
    let how = if machine.root { "made with root's rights" } else { "in a user namespace, without any rights" };
    by_its_error(Finding::yes("namespaces", true, how), &facts.namespaces)
}

/// Root sees only the settings: whether they suffice, only an ordinary user can try.
fn users(settings: &Settings) -> Finding {
    let restricted = settings.apparmor_restricts.is_some_and(|restricts| restricts != 0);
    let denied = restricted || settings.unprivileged_clone == Some(0) || settings.namespaces_max == Some(0);
    let finding = Finding::yes("user namespaces", false, "ordinary users can run clusters, as far as settings tell");
    if !denied {
        return finding;
    }
    let error = explain(Step::UserNamespace, Errno::PERM, settings);
    Finding { ok: false, detail: error.message, lost: Some("clusters of ordinary users"), mend: error.help, ..finding }
}

fn proc(facts: &Facts) -> Finding {
    by_its_error(Finding::yes("mounts and a fresh /proc", true, "each node sees its own processes"), &facts.proc)
}

/// Judges by an error that knows its own mend.
fn by_its_error(finding: Finding, trial: &Trial) -> Finding {
    match trial {
        Some(Ok(())) => finding,
        None => Finding { ok: false, detail: "not tried: it needs what is missing above".to_owned(), ..finding },
        Some(Err(error)) => Finding {
            ok: false,
            detail: error.message.clone(),
            lost: Some(NOTHING_RUNS),
            mend: error.help.clone(),
            ..finding
        },
    }
}

fn docker(machine: &Machine) -> Vec<Finding> {
    let finding = |detail: String, mend: String| Finding {
        ok: false,
        lost: Some("the docker runtime; nodes with a `command` run without it"),
        mend: Some(mend),
        ..Finding::yes("docker", false, detail)
    };
    match &machine.docker {
        DockerState::Answers { socket, version, api } => {
            let detail = format!("{version} answers on {} (API {api})", socket.display());
            vec![Finding::yes("docker", false, detail), docker_rights(machine.root)]
        }
        DockerState::Refuses(error) => {
            let mend =
                error.help.clone().unwrap_or_else(|| "`sudo systemctl status docker` shows what it does".to_owned());
            vec![finding(error.message.clone(), mend)]
        }
        DockerState::Absent(socket) => {
            let mend = machine.distribution.docker().to_owned();
            vec![finding(format!("there is no {}", socket.display()), mend)]
        }
    }
}

/// Whoever may use Docker's socket loses nothing, only time.
fn docker_rights(root: bool) -> Finding {
    let detail = if root {
        "as root, faults need no helper container"
    } else {
        "without root, a helper container sets the faults, which takes a second more at the start"
    };
    Finding::yes("docker: faults", false, detail)
}

#[cfg(test)]
mod tests {
    use super::super::mend::Distribution;
    use super::*;

    fn machine(root: bool) -> Machine {
        Machine {
            kernel: "6.1.0".to_owned(),
            root,
            settings: Settings { namespaces_max: Some(1000), ..Settings::default() },
            distribution: Distribution::Ubuntu,
            docker: DockerState::Answers {
                socket: "/var/run/docker.sock".into(),
                version: "20.10.24".to_owned(),
                api: "1.41".to_owned(),
            },
        }
    }

    fn all() -> Facts {
        let yes = || Some(Ok(()));
        Facts {
            chance: Some(Ok(())),
            namespaces: yes(),
            proc: yes(),
            links: yes(),
            drops: yes(),
            rejects: yes(),
            egress: yes(),
            netem: yes(),
            htb: yes(),
            queue: yes(),
        }
    }

    fn refused(errno: Errno) -> Result<(), Error> {
        Err(Error::machine(format!("the kernel refuses `tc …`: {}", std::io::Error::from(errno))))
    }

    #[test]
    fn a_machine_that_can_do_everything() {
        insta::assert_snapshot!(Report::of(&machine(true), &all()).text(), @r"
        Linux 6.1.0, tried as root
          yes  namespaces                made with root's rights
          yes  mounts and a fresh /proc  each node sees its own processes
          yes  user namespaces           ordinary users can run clusters, as far as settings tell
          yes  bridge and veth           for the network between the nodes
          yes  nftables (inet)           for partition, isolate, one_way and block
          yes  nftables reject           for reject
          yes  nftables (netdev egress)  for cuts towards the world
          yes  nftables (numgen)         for flaky, where sch_netem is missing
          yes  sch_netem                 for delay, loss and reordering in the kernel
          yes  sch_htb                   for throttle, and delays that differ from link to link
          yes  nfnetlink_queue           for the user-space shaper: what comes from the world, what netem does inexactly, and all of it without sch_netem
          yes  impaired links            netem and HTB; what comes from the world, and what netem does inexactly, by the user-space shaper
          yes  docker                    20.10.24 answers on /var/run/docker.sock (API 1.41)
          yes  docker: faults            as root, faults need no helper container
        ready: clusters in namespaces run here
        ");
    }

    #[test]
    fn what_is_missing_comes_with_what_is_lost_and_its_mend() {
        let docker = DockerState::Refuses(Error::machine("no permission to use it").help("join its group"));
        let machine = Machine { docker, ..machine(false) };
        let facts = Facts { netem: Some(refused(Errno::NOENT)), egress: Some(refused(Errno::OPNOTSUPP)), ..all() };
        let report = Report::of(&machine, &facts);
        insta::assert_snapshot!(report.text(), @r#"
        Linux 6.1.0, tried as an ordinary user
          yes  namespaces                in a user namespace, without any rights
          yes  mounts and a fresh /proc  each node sees its own processes
          yes  bridge and veth           for the network between the nodes
          yes  nftables (inet)           for partition, isolate, one_way and block
          yes  nftables reject           for reject
          NO   nftables (netdev egress)  Operation not supported (os error 95)
                                         lost: block(node, "world") and isolate(): what a node sends to the world
                                         mend: a kernel with CONFIG_NETFILTER_EGRESS, from Linux 5.16 on
          yes  nftables (numgen)         for flaky, where sch_netem is missing
          NO   sch_netem                 No such file or directory (os error 2)
                                         lost: slow, flaky and the like by the kernel itself; a queue in user space can take its place
                                         mend: `sudo modprobe sch_netem`; if there is none: `sudo apt install linux-modules-extra-$(uname -r)`
          yes  sch_htb                   for throttle, and delays that differ from link to link
          yes  nfnetlink_queue           for the user-space shaper: what comes from the world, what netem does inexactly, and all of it without sch_netem
          yes  impaired links            loss by nftables; rates by HTB; all else by the user-space shaper
          NO   docker                    no permission to use it
                                         lost: the docker runtime; nodes with a `command` run without it
                                         mend: join its group
        ready: clusters in namespaces run here
        "#);
        assert!(report.ok);
    }

    #[test]
    fn without_namespaces_nothing_else_is_judged() {
        let settings = Settings { apparmor_restricts: Some(1), ..Settings::default() };
        let error = explain(Step::Mount, Errno::PERM, &settings);
        let facts = Facts { namespaces: Some(Ok(())), proc: Some(Err(error)), ..Facts::default() };
        let report = Report::of(&machine(false), &facts);
        insta::assert_snapshot!(report.text(), @r"
        Linux 6.1.0, tried as an ordinary user
          yes  namespaces                in a user namespace, without any rights
          NO   mounts and a fresh /proc  cannot mount anything in a namespace of our own: AppArmor denies rights in user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)
                                         lost: clusters in namespaces; `--runtime sim` and Docker are left
                                         mend: `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or run blockade as root
          NO   bridge and veth           not tried: it needs what is missing above
          NO   nftables (inet)           not tried: it needs what is missing above
          NO   nftables reject           not tried: it needs what is missing above
          NO   nftables (netdev egress)  not tried: it needs what is missing above
          NO   nftables (numgen)         not tried: it needs what is missing above
          NO   sch_netem                 not tried: it needs what is missing above
          NO   sch_htb                   not tried: it needs what is missing above
          NO   nfnetlink_queue           not tried: it needs what is missing above
          NO   impaired links            nothing here can impair links
                                         lost: slow, flaky, throttle and the like
          yes  docker                    20.10.24 answers on /var/run/docker.sock (API 1.41)
          yes  docker: faults            without root, a helper container sets the faults, which takes a second more at the start
        not ready: no cluster in namespaces runs here
        ");
        assert!(!report.ok);
    }

    #[test]
    fn root_is_told_what_ordinary_users_may_not_do() {
        let settings = Settings { namespaces_max: Some(0), ..Settings::default() };
        let report = Report::of(&Machine { settings, ..machine(true) }, &all());
        let finding = report.findings.iter().find(|finding| finding.name == "user namespaces").unwrap();
        insta::assert_snapshot!(finding.text(), @"
        NO   user namespaces           cannot create a user namespace: user namespaces are switched off (user.max_user_namespaces is 0)
                                       lost: clusters of ordinary users
                                       mend: `sudo sysctl user.max_user_namespaces=10000`, or run blockade as root
        ");
    }
}
