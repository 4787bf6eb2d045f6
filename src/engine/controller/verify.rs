//! What is asked of links and what they do: how long a probe may take, by which means a fault acts, and whether it does.

use super::{Active, Controller};
use crate::Result;
use crate::engine::{FaultInfo, Job};
use crate::fault::{Cut, Family, Fault, FaultId, Filter, Impairment, Matrix, Party, Proto};
use crate::plan::Mechanism;
use crate::plan::means::Ends;
use crate::plan::verify::{self, Verified};
use crate::runtime::Place;
use std::collections::BTreeSet;
use std::ops::Deref;

/// How long a probe waits beyond the delays that were asked for.
const PATIENCE_MS: u64 = 1_000;
/// A packet of a probe: UDP, on IPv4 where there is some.
const PROBE: Filter = Filter { proto: Some(Proto::Udp), port: None, family: Some(Family::Ipv4) };
/// So many links are measured at a time: each needs the machine's attention.
const AT_ONCE: usize = 4;

/// A link that is to be measured.
struct Link {
    name: String,
    source: Place,
    target: Place,
    asked: Impairment,
}

impl Controller {
    /// How long packets that travel one of these links after the other may take.
    pub(super) fn patience_ms(&self, links: &[(Place, Place)]) -> u64 {
        let matrix = self.matrix();
        let longest = links.iter().map(|(source, target)| Self::asked(&matrix, *source, *target).longest_us());
        PATIENCE_MS + longest.fold(0, u64::saturating_add) / 1_000
    }

    /// What a packet of a probe is to meet.
    fn asked(matrix: &Matrix, source: Place, target: Place) -> Impairment {
        let position = |place| match place {
            Place::Node(node) => node,
            Place::World => matrix.world(),
        };
        matrix.effect(position(source), position(target), PROBE).impairment
    }

    /// A fault as others see it.
    pub(super) fn info(&self, matrix: &impl Deref<Target = Matrix>, id: FaultId, active: &Active) -> FaultInfo {
        let by = self.mechanisms(matrix, &active.fault);
        FaultInfo { id, fault: active.fault.clone(), keep: active.keep, by }
    }

    /// By what means a fault impairs its links, given all that is done to them.
    fn mechanisms(&self, matrix: &impl Deref<Target = Matrix>, fault: &Fault) -> Vec<Mechanism> {
        let Fault::Degrade { links, .. } = fault else { return Vec::new() };
        let matrix: &Matrix = matrix;
        let mut used = BTreeSet::new();
        for (source, target) in &links.pairs {
            let (Some(source), Some(target)) = (matrix.position(source), matrix.position(target)) else { continue };
            let ends = Ends::of(matrix, source, target);
            let way = matrix.cell(source, target).and_then(|cell| self.planner.means.way(cell, ends).ok());
            used.extend(way.into_iter().flat_map(|way| way.mechanisms()));
        }
        used.into_iter().collect()
    }

    /// Measures every impaired link, or those of one fault, against what is asked of it.
    pub(super) fn verify(&self, fault: Option<FaultId>) -> Result<Job<Vec<Verified>>> {
        let (matrix, runtime) = (self.matrix(), self.runtime.clone());
        let (links, mut verified) = self.impaired(&matrix, fault)?;
        let waits: Vec<u64> = links.iter().map(|link| self.patience_ms(&[(link.source, link.target)])).collect();
        let links: Vec<(Link, u64)> = links.into_iter().zip(waits).collect();
        Ok(Box::pin(async move {
            let mut rest = links.into_iter();
            loop {
                let some: Vec<_> = rest.by_ref().take(AT_ONCE).collect();
                if some.is_empty() {
                    return Ok(verified);
                }
                let measured = some.into_iter().map(|(link, wait_ms)| {
                    let stream = verify::stream(&link.asked, wait_ms);
                    let arrivals = stream.map(|stream| (stream, runtime.measure(link.source, link.target, stream)));
                    async move {
                        Ok::<_, crate::Error>(match arrivals {
                            Ok((stream, arrivals)) => verify::verify(link.name, &link.asked, stream, &arrivals.await?),
                            Err(why) => Verified::not_measured(link.name, &link.asked, &why),
                        })
                    }
                });
                for outcome in futures_util::future::join_all(measured).await {
                    verified.push(outcome?);
                }
            }
        }))
    }

    /// The links that probes can cross and that are asked to do something to them, and those that cannot be measured.
    fn impaired(&self, matrix: &Matrix, fault: Option<FaultId>) -> Result<(Vec<Link>, Vec<Verified>)> {
        let concerned = |active: &&Active| matches!(active.fault, Fault::Degrade { .. });
        let faults = self.faults.iter().filter(|(id, _)| fault.is_none_or(|only| only == **id));
        let faults: Vec<&Active> = faults.map(|(_, active)| active).filter(concerned).collect();
        let mut pairs: BTreeSet<&(Party, Party)> = BTreeSet::new();
        for active in faults {
            if let Fault::Degrade { links, .. } = &active.fault {
                pairs.extend(&links.pairs);
            }
        }
        let (mut found, mut unmeasured) = (Vec::new(), Vec::new());
        for (source, target) in pairs {
            let (from, to) = self.ends(source, target)?;
            let asked = Self::asked(matrix, from, to);
            let (Some(at_source), Some(at_target)) = (matrix.position(source), matrix.position(target)) else {
                continue;
            };
            let name = format!("{source} → {target}");
            if matrix.effect(at_source, at_target, PROBE).cut != Cut::Open {
                unmeasured.push(Verified::not_measured(name, &Impairment::NONE, "it is cut"));
            } else if asked.is_none() {
                let why = "no UDP on IPv4 without a port of its own meets it";
                unmeasured.push(Verified::not_measured(name, &asked, why));
            } else {
                found.push(Link { name, source: from, target: to, asked });
            }
        }
        Ok((found, unmeasured))
    }
}
