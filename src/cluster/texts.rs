//! The last step to a node: its texts, with `${…}` replaced.
//!
//! Pure.

use super::Variables;
use super::build::{Links, Member};
use super::expand::{Scope, Wrong};
use super::model::{Check, Docker, Mac, Node, Ready, Volume};
use super::read::Reader;
use super::spec::{DockerSpec, ReadySpec, check_path};
use super::tree::Placed;
use crate::script::quantity::Problem;
use ipnet::IpNet;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// What the texts of all nodes are made from.
pub(super) struct Texts<'a> {
    reader: &'a Reader<'a>,
    members: &'a [Member<'a>],
    addresses: &'a [Vec<IpNet>],
    variables: &'a Variables<'a>,
    params: &'a RefCell<BTreeMap<String, String>>,
    /// What `${ip:NODE}` means.
    ips: BTreeMap<&'a str, String>,
}

/// Derived from the IPv4 address, which every node has.
fn mac(addresses: &[IpNet]) -> Mac {
    let v4 = addresses.iter().find_map(|net| match net.addr() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    });
    Mac::of(v4.unwrap_or(Ipv4Addr::UNSPECIFIED))
}

impl<'a> Texts<'a> {
    /// The texts of these nodes. `params` takes the parameters that are read.
    pub(super) fn new(
        reader: &'a Reader<'a>,
        members: &'a [Member<'a>],
        addresses: &'a [Vec<IpNet>],
        variables: &'a Variables<'a>,
        params: &'a RefCell<BTreeMap<String, String>>,
    ) -> Self {
        let ip = |addresses: &[IpNet]| addresses.first().map(|net| net.addr().to_string()).unwrap_or_default();
        let ips = members.iter().zip(addresses).map(|(member, nets)| (member.name.as_str(), ip(nets))).collect();
        Self { reader, members, addresses, variables, params, ips }
    }

    /// All nodes.
    pub(super) fn nodes(&self, links: &[Links]) -> Vec<Node> {
        (0..self.members.len()).map(|place| self.node(place, &links[place])).collect()
    }

    fn node(&self, place: usize, links: &Links) -> Node {
        let member = &self.members[place];
        let spec = member.spec;
        let text = |text: &Placed<String>| self.text(member, text, false);
        let variable = |text: &Placed<String>| self.text(member, text, true);
        Node {
            name: member.name.clone(),
            hostname: spec.hostname.as_ref().map_or(member.name.clone(), |name| self.hostname(member, name)),
            command: spec.command.as_ref().map(|words| words.iter().map(text).collect()),
            environment: spec.environment.iter().map(|(name, value)| (name.clone(), variable(value))).collect(),
            workdir: spec.workdir.as_ref().map(|path| self.path(member, path)),
            files: spec.files.iter().map(|(path, content)| (path.clone(), text(content))).collect(),
            ready: spec.ready.as_ref().map(|ready| self.ready(member, ready)),
            stop: spec.stop,
            addresses: self.addresses[place].clone(),
            mac: mac(&self.addresses[place]),
            user: spec.user.clone(),
            links: links.targets.iter().map(|target| self.members[*target].name.clone()).collect(),
            aliases: links.aliases.clone(),
            start_delay_us: spec.start_delay_us,
            neutral: spec.neutral,
            holy: spec.holy,
            docker: self.docker(member, &spec.docker),
        }
    }

    /// A text with its `${…}` replaced. One that cannot be is reported at its place.
    fn text(&self, member: &Member<'_>, text: &Placed<String>, bare_environment: bool) -> String {
        let scope = Scope {
            node: &member.name,
            addresses: &self.ips,
            variables: self.variables,
            params: self.params,
            bare_environment,
        };
        scope.expand(&text.value).unwrap_or_else(|wrong| {
            for Wrong { written, before, problem } in wrong {
                self.reader.report(&self.reader.part(&text.span, &written, before), problem);
            }
            String::new()
        })
    }

    fn hostname(&self, member: &Member<'_>, text: &Placed<String>) -> String {
        let name = self.text(member, text, false);
        let fine = name.len() <= 63 && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if !fine {
            let help = "a host name has at most 63 letters, digits, `-`, `_` and `.`";
            self.reader.report(&text.span, Problem::new(format!("no host can be called `{name}`"), help));
        }
        name
    }

    fn path(&self, member: &Member<'_>, text: &Placed<String>) -> PathBuf {
        let path = self.text(member, text, false);
        if !path.is_empty() {
            self.reader.take(&text.span, check_path(&path));
        }
        PathBuf::from(path)
    }

    fn ready(&self, member: &Member<'_>, spec: &ReadySpec) -> Ready {
        let mut ready = spec.ready.clone();
        if let Check::Exec(words) = &mut ready.check {
            *words = spec.exec.iter().map(|word| self.text(member, word, false)).collect();
        }
        ready
    }

    fn docker(&self, member: &Member<'_>, spec: &DockerSpec) -> Docker {
        let container_name = spec.container_name.as_ref().map(|name| self.container_name(member, name));
        Docker {
            image: spec.image.clone(),
            container_name,
            dns: spec.dns.clone(),
            cap_add: spec.cap_add.clone(),
            volumes: spec
                .volumes
                .iter()
                .map(|(host, container)| self.volume(member, host, container.as_ref()))
                .collect(),
            ports: spec.ports.iter().map(|port| port.value).collect(),
            expose: spec.expose.clone(),
            adopted: None,
        }
    }

    fn container_name(&self, member: &Member<'_>, text: &Placed<String>) -> String {
        let name = self.text(member, text, false);
        let name = member.copy.map_or(name.clone(), |copy| format!("{name}_{copy}"));
        let fine = name.len() > 1
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if !fine {
            let help = "a name has at least two letters, digits, `_`, `.` and `-`, and begins with a letter or digit";
            self.reader.report(&text.span, Problem::new(format!("no container can be called `{name}`"), help));
        }
        name
    }

    /// `host: container`, or Docker's own `host:container:options` in one text; one path alone stands for both.
    fn volume(&self, member: &Member<'_>, host: &Placed<String>, container: Option<&Placed<String>>) -> Volume {
        let host = self.text(member, host, true);
        if let Some(container) = container {
            return Volume { host, container: self.text(member, container, true), options: None };
        }
        let mut parts = host.splitn(3, ':').map(str::to_owned);
        let (first, second) = (parts.next().unwrap_or_default(), parts.next());
        Volume { container: second.unwrap_or_else(|| first.clone()), host: first, options: parts.next() }
    }
}
