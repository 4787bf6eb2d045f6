//! The file's `network`.

use super::{choice, parsed};
use crate::cluster::expression;
use crate::cluster::model::Driver;
use crate::cluster::read::Reader;
use crate::cluster::subnet;
use crate::cluster::tree::{Placed, Yaml};
use crate::fault::Impairment;
use crate::script::quantity::Problem;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What the file says of the network.
#[derive(Default)]
pub(in crate::cluster) struct NetworkSpec {
    pub(in crate::cluster) subnet: Option<Placed<Ipv4Net>>,
    pub(in crate::cluster) subnet6: Option<Placed<Ipv6Net>>,
    pub(in crate::cluster) driver: Driver,
    pub(in crate::cluster) external: Option<Placed<String>>,
    pub(in crate::cluster) flaky: Option<String>,
    pub(in crate::cluster) slow: Option<String>,
    pub(in crate::cluster) duplicate: Option<String>,
}

const KEYS: [&str; 7] = ["subnet", "subnet6", "driver", "external", "flaky", "slow", "duplicate"];
const DRIVERS: [(&str, Driver); 2] = [("default", Driver::Default), ("udn", Driver::Udn)];

impl NetworkSpec {
    pub(super) fn read(reader: &Reader<'_>, yaml: &Yaml) -> Self {
        let Some(fields) = reader.fields(yaml, "`network`", &KEYS) else { return Self::default() };
        let text = |key: &str| fields.get(key).and_then(|yaml| reader.name(yaml, &format!("`{key}`")));
        let told = |key: &str, read: fn(&str) -> Result<Impairment, Problem>| {
            let text = text(key)?;
            reader.take(&text.span, read(&text.value)).map(|_| text.value)
        };
        Self {
            subnet: fields
                .get("subnet")
                .and_then(|yaml| parsed(reader, yaml, "`subnet`", "10.9.0.0/24"))
                .filter(|subnet| usable(reader, subnet)),
            subnet6: fields
                .get("subnet6")
                .and_then(|yaml| parsed(reader, yaml, "`subnet6`", "fd00:9::/64"))
                .filter(|subnet| usable(reader, subnet)),
            driver: fields
                .get("driver")
                .and_then(|yaml| choice(reader, yaml, "`driver`", &DRIVERS))
                .unwrap_or_default(),
            external: text("external").filter(|name| user_defined(reader, name)),
            flaky: told("flaky", expression::flaky),
            slow: told("slow", expression::slow),
            duplicate: told("duplicate", expression::duplicate),
        }
    }
}

/// On Docker's own networks no container can be given an address.
fn user_defined(reader: &Reader<'_>, name: &Placed<String>) -> bool {
    let own = ["bridge", "host", "none"].contains(&name.value.as_str());
    if own {
        let message = format!("nodes cannot be given addresses on Docker's own network `{}`", name.value);
        reader.report(&name.span, Problem::new(message, "name one that was made with `docker network create`"));
    }
    !own
}

fn usable<T: Copy + Into<IpNet>>(reader: &Reader<'_>, subnet: &Placed<T>) -> bool {
    reader.take(&subnet.span, subnet::usable(subnet.value.into())).is_some()
}
