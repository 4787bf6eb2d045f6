//! Links: what the faults in force do to each, in each of its directions.

use super::super::problem::Problems;
use super::{Answer, On};
use crate::fault::{Cell, Cut, Effect, Fault, Filter, Impairment, Matrix, Member};
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Its routes.
pub(super) fn routes() -> OpenApiRouter<Arc<super::Daemon>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Links that are not whole.
#[derive(Debug, Serialize, ToSchema)]
struct Links {
    /// By source, then target; the rest of the world, `world`, comes last.
    links: Vec<Link>,
}

/// A link in one direction, and what happens to its packets.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Link {
    /// Who sends: a node, or `world`.
    source: String,
    /// Who receives.
    target: String,
    state: LinkState,
    /// All that happens, one line for people.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum LinkState {
    /// No packet gets through.
    Cut,
    /// Something else happens to packets, or to some of them.
    Impaired,
}

/// The links that are not whole: what all faults together do to each.
#[utoipa::path(get, path = "/v1/clusters/{cluster}/links", tag = "links", responses((status = 200, body = Links), Problems))]
async fn list(State(daemon): On, Path(cluster): Path<String>) -> Answer<Json<Links>> {
    // A connection of its own: one that is shared knows the nodes that there were at its beginning.
    let remote = daemon.connect(&cluster).await?;
    let members: Vec<Member> = remote.cluster().nodes.iter().map(Member::from).collect();
    let faults: Vec<Fault> = daemon.faults(&cluster).await?.into_iter().map(|info| info.fault).collect();
    Ok(Json(Links { links: of(&Matrix::fold(&members, &faults)) }))
}

fn of(matrix: &Matrix) -> Vec<Link> {
    let link = |((source, target), cell): ((usize, usize), &Cell)| Link {
        source: matrix.name(source).to_owned(),
        target: matrix.name(target).to_owned(),
        state: state(cell),
        text: text(cell),
    };
    matrix.cells().map(link).collect()
}

fn state(cell: &Cell) -> LinkState {
    match cell.get(&Filter::ANY) {
        Some(effect) if effect.cut != Cut::Open => LinkState::Cut,
        _ => LinkState::Impaired,
    }
}

fn text(cell: &Cell) -> String {
    let part = |(filter, effect): (&Filter, &Effect)| match *filter {
        Filter::ANY => what(effect),
        filter => format!("{filter}: {}", what(effect)),
    };
    cell.iter().map(part).collect::<Vec<_>>().join("; ")
}

/// What is refused meets nothing else.
fn what(effect: &Effect) -> String {
    match effect.cut {
        Cut::Drop => "dropped".to_owned(),
        Cut::Reject => "rejected".to_owned(),
        Cut::Open if effect.impairment == Impairment::NONE => "nothing".to_owned(),
        Cut::Open => effect.impairment.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{LinkSet, Party, Proto};

    #[test]
    fn each_direction_has_its_own_state_and_says_all_that_happens_to_it() {
        let members = ["n1", "n2"].map(|name| Member { name: name.to_owned(), ..Member::default() });
        let [n1, n2] = ["n1", "n2"].map(|name| Party::Node(name.to_owned()));
        let web = Filter { proto: Some(Proto::Tcp), port: Some(80), ..Filter::ANY };
        let only_web = LinkSet { filter: web, ..LinkSet::new(&[Party::World], std::slice::from_ref(&n1)) };
        let degrade = |links, impairment| Fault::Degrade { verb: "degrade".to_owned(), links, impairment };
        let slow = Impairment { delay_us: 50_000, ..Impairment::NONE };
        let there = LinkSet::new(std::slice::from_ref(&n1), std::slice::from_ref(&n2));
        let back = LinkSet::new(&[n2], &[n1]);
        let faults = [
            Fault::Block { links: there },
            degrade(back.clone(), slow.clone()),
            degrade(back, Impairment { loss: 0.1, ..Impairment::NONE }),
            Fault::Reject { links: only_web.clone() },
            degrade(LinkSet { filter: Filter::ANY, ..only_web }, slow),
        ];
        let links = of(&Matrix::fold(&members, &faults));
        let lines: Vec<String> = links
            .iter()
            .map(|link| format!("{} → {} {:?}: {}", link.source, link.target, link.state, link.text))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        n1 → n2 Cut: dropped
        n2 → n1 Impaired: delay 50 ms, loss 10 %
        world → n1 Impaired: delay 50 ms; tcp port 80: rejected
        ");
        assert!(of(&Matrix::fold(&members, &[])).is_empty());
    }
}
