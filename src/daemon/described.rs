//! The OpenAPI document: what the handlers say of themselves, and what follows from it for every one of them. Pure.
//!
//! What an operation must have and its handler need not say is put in here, in one pass over all of them, so that the
//! next handler cannot forget it: an id of its own, a description of each answer, the names in its path.

use super::problem::Problem;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder, RefOr, Required};
use utoipa::{PartialSchema, ToSchema};

/// Either will do: the token as it is, or as a password.
const WAYS: [(&str, HttpAuthScheme); 2] = [("token", HttpAuthScheme::Bearer), ("password", HttpAuthScheme::Basic)];

/// A document without any route.
pub(super) fn empty() -> OpenApi {
    let info = InfoBuilder::new()
        .title("blockade")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Clusters that are up, and the faults in them. Errors are problem details (RFC 9457)."));
    OpenApiBuilder::new().info(info).build()
}

/// What the handlers have said, made whole.
pub(super) fn finished(mut document: OpenApi) -> OpenApi {
    let paths = std::mem::take(&mut document.paths.paths);
    for (route, mut item) in paths {
        let path = template(&route);
        for operation in operations(&mut item) {
            name(operation);
            describe_answers(operation);
            declare(operation, &path);
        }
        document.paths.paths.insert(path, item);
    }
    document.security = Some(WAYS.map(|(way, _)| SecurityRequirement::new(way, [""; 0])).to_vec());
    complete(document.components.get_or_insert_default());
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

/// A route as the document writes it: it knows no `*`, which takes slashes too.
fn template(route: &str) -> String {
    route.replace("{*", "{")
}

/// Functions of two modules may have one name; with the tag it is unique.
fn name(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next();
    if let (Some(tag), Some(id)) = (tag, &mut operation.operation_id)
        && tag != id
    {
        *id = format!("{tag}_{id}");
    }
}

/// What a handler says of itself is what it answers, where it says nothing of the answer.
fn describe_answers(operation: &mut Operation) {
    let summary = operation.summary.clone().unwrap_or_default();
    for answer in operation.responses.responses.values_mut() {
        if let RefOr::T(answer) = answer
            && answer.description.is_empty()
        {
            answer.description.clone_from(&summary);
        }
    }
}

/// Each name in the path is a parameter, whether its handler says so or not.
fn declare(operation: &mut Operation, path: &str) {
    let declared = operation.parameters.get_or_insert_default();
    let missing = names(path).filter(|name| !declared.iter().any(|parameter| is_for(parameter, name)));
    let missing: Vec<_> = missing.map(|name| RefOr::T(in_path(name))).collect();
    declared.extend(missing);
}

fn is_for(parameter: &RefOr<Parameter>, name: &str) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path && parameter.name == name)
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
}

fn in_path(name: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

/// What all operations share, and therefore none brings.
fn complete(components: &mut Components) {
    let mut shared = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut shared);
    components.schemas.extend(shared);
    for (way, scheme) in WAYS {
        components.add_security_scheme(way, SecurityScheme::Http(Http::new(scheme)));
    }
}
