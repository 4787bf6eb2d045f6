//! The keys of a node that only Docker knows: read and kept for its runtime.

use super::{image, parsed};
use crate::cluster::model::{Forward, Port, Transport};
use crate::cluster::read::{Fields, Reader};
use crate::cluster::tree::{Kind, Placed, Yaml};
use crate::script::quantity::Problem;
use std::net::IpAddr;

/// What the file says of a container.
#[derive(Default)]
pub(in crate::cluster) struct DockerSpec {
    pub(in crate::cluster) image: Option<String>,
    pub(in crate::cluster) container_name: Option<Placed<String>>,
    pub(in crate::cluster) dns: Vec<IpAddr>,
    pub(in crate::cluster) cap_add: Vec<String>,
    /// Host and container; without a container, the host's text may hold both, split by `:`.
    pub(in crate::cluster) volumes: Vec<(Placed<String>, Option<Placed<String>>)>,
    pub(in crate::cluster) ports: Vec<Placed<Forward>>,
    pub(in crate::cluster) expose: Vec<Port>,
}

impl DockerSpec {
    pub(super) const KEYS: [&'static str; 7] =
        ["image", "container_name", "dns", "cap_add", "volumes", "ports", "expose"];

    pub(super) fn read(reader: &Reader<'_>, fields: &Fields<'_>) -> Self {
        let name = |key: &str| fields.get(key).and_then(|yaml| reader.name(yaml, &format!("`{key}`")));
        let list = |key: &str| fields.get(key).and_then(|yaml| reader.list(yaml, &format!("`{key}`"))).unwrap_or(&[]);
        let address = |yaml| parsed(reader, yaml, "an address of `dns`", "10.9.0.2").map(|placed| placed.value);
        Self {
            image: name("image").and_then(|name| {
                reader.take(&name.span, image::check(&name.value))?;
                Some(name.value)
            }),
            container_name: name("container_name"),
            dns: list("dns").iter().filter_map(address).collect(),
            cap_add: list("cap_add").iter().filter_map(|yaml| capability(reader, yaml)).collect(),
            volumes: fields.get("volumes").map(|yaml| volumes(reader, yaml)).unwrap_or_default(),
            ports: fields.get("ports").map(|yaml| ports(reader, yaml)).unwrap_or_default(),
            expose: list("expose").iter().filter_map(|yaml| expose(reader, yaml)).collect(),
        }
    }
}

fn capability(reader: &Reader<'_>, yaml: &Yaml) -> Option<String> {
    let name = reader.name(yaml, "a capability")?;
    let upper = name.value.to_ascii_uppercase();
    Some(upper.strip_prefix("CAP_").unwrap_or(&upper).to_owned())
}

fn volumes(reader: &Reader<'_>, yaml: &Yaml) -> Vec<(Placed<String>, Option<Placed<String>>)> {
    let what = "a volume";
    if let Kind::List(items) = &yaml.kind {
        return items.iter().filter_map(|item| Some((reader.name(item, what)?, None))).collect();
    }
    let entries = reader.list_or_map(yaml, "`volumes`");
    let side = |(host, container): (Placed<String>, &Yaml)| match container.kind {
        Kind::Null => Some((host, None)),
        _ => Some((host, Some(reader.name(container, what)?))),
    };
    entries.into_iter().filter_map(side).collect()
}

fn ports(reader: &Reader<'_>, yaml: &Yaml) -> Vec<Placed<Forward>> {
    if let Kind::List(items) = &yaml.kind {
        let texts = items.iter().filter_map(|item| reader.name(item, "a port"));
        let forward = |text: Placed<String>| {
            Some(Placed { value: reader.take(&text.span, forward(&text.value))?, span: text.span })
        };
        return texts.filter_map(forward).collect();
    }
    let entries = reader.list_or_map(yaml, "`ports`");
    let pair = |(host, container): (Placed<String>, &Yaml)| {
        let container = match container.kind {
            Kind::Null => host.clone(),
            _ => reader.name(container, "a port")?,
        };
        let (outer, inner) = (reader.take(&host.span, port(&host.value)), port(&container.value));
        Some(Placed { value: join(outer?, reader.take(&container.span, inner)?), span: host.span })
    };
    entries.into_iter().filter_map(pair).collect()
}

/// `80`, `53/udp`, `8080:80` or `5353:53/udp`.
fn forward(text: &str) -> Result<Forward, Problem> {
    match text.split_once(':') {
        Some((host, container)) => Ok(join(port(host)?, port(container)?)),
        None => port(text).map(|port| Forward { host: port.number, container: port }),
    }
}

/// The transport may be said at either side.
fn join(host: Port, container: Port) -> Forward {
    let udp = [host.transport, container.transport].contains(&Transport::Udp);
    let transport = if udp { Transport::Udp } else { Transport::Tcp };
    Forward { host: host.number, container: Port { transport, ..container } }
}

fn expose(reader: &Reader<'_>, yaml: &Yaml) -> Option<Port> {
    let text = reader.name(yaml, "a port")?;
    reader.take(&text.span, port(&text.value))
}

/// `80`, `80/tcp` or `53/udp`.
fn port(text: &str) -> Result<Port, Problem> {
    let (number, transport) = match text.split_once('/') {
        None => (text, Some(Transport::Tcp)),
        Some((number, "tcp")) => (number, Some(Transport::Tcp)),
        Some((number, "udp")) => (number, Some(Transport::Udp)),
        Some((number, _)) => (number, None),
    };
    let number = number.parse().ok().filter(|number| *number > 0);
    let port = number.zip(transport).map(|(number, transport)| Port { number, transport });
    let help = "a port is a number from 1 to 65535, and may end with `/tcp` or `/udp`";
    port.ok_or_else(|| Problem::new(format!("`{text}` is no port"), help))
}
