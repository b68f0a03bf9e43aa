//! Turns the route table into services: one resource for each address, with the doorkeeper before it. Addresses that
//! begin alike stand together: each is a pattern to be tried, and a request is held only against those of its own.

use super::doorkeeper::{Door, pass};
use super::problem;
use super::routes::{Route, routes};
use actix_web::dev::{HttpServiceFactory, ServiceRequest};
use actix_web::middleware::{Next, from_fn};
use actix_web::{Scope, web};
use std::rc::Rc;

/// All addresses, below `outer`.
pub(super) fn mount(mut outer: Scope) -> Scope {
    for (room, routes) in grouped(routes(), |route| room_of(route.path)) {
        let addresses = grouped(routes, |route| route.path);
        let below = |scope: Scope| {
            addresses.iter().fold(scope, |scope, (path, routes)| {
                scope.service(resource(path, &path[room.len()..], routes))
            })
        };
        outer = if room.is_empty() {
            below(outer)
        } else {
            let inner = web::scope(room).default_service(web::to(problem::missing));
            outer.service(below(inner))
        };
    }
    outer
}

/// In the order in which they first come.
fn grouped(
    routes: impl IntoIterator<Item = Route>,
    name: impl Fn(&Route) -> &'static str,
) -> Vec<(&'static str, Vec<Route>)> {
    let mut groups: Vec<(&'static str, Vec<Route>)> = Vec::new();
    for route in routes {
        let name = name(&route);
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, group)) => group.push(route),
            None => groups.push((name, vec![route])),
        }
    }
    groups
}

/// What an address begins with: `/incidents`, `/api/v1/incidents`; nothing for `/` itself. No room lies within another.
fn room_of(path: &'static str) -> &'static str {
    let depth = if path.starts_with("/api/") { 3 } else { 1 };
    let fixed = path.find("/{").unwrap_or(path.len());
    let ends = path.match_indices('/').map(|(at, _)| at).skip(1);
    let end = ends.chain([path.len()]).take(depth).last().unwrap_or(0);
    match &path[..end.min(fixed)] {
        "/" => "",
        room => room,
    }
}

/// `pattern` is what is left of the path below its room.
fn resource(
    path: &'static str,
    pattern: &str,
    routes: &[Route],
) -> impl HttpServiceFactory + use<> {
    let methods = routes
        .iter()
        .map(|route| (route.method.clone(), route.who))
        .collect();
    let confirmed = routes
        .iter()
        .filter(|route| route.confirmed)
        .map(|route| route.method.clone())
        .collect();
    let door = Rc::new(Door {
        path,
        methods,
        confirmed,
    });
    let mut resource = web::resource(pattern);
    for route in routes {
        resource = resource.route(route.mounted());
    }
    resource.wrap(from_fn(move |req: ServiceRequest, next: Next<_>| {
        let door = Rc::clone(&door);
        async move { pass(&door, req, next).await }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_room_lies_within_another() {
        let rooms = grouped(routes(), |route| room_of(route.path));
        assert!(rooms.len() > 50);
        for (room, _) in &rooms {
            let within = rooms
                .iter()
                .filter(|(other, _)| !room.is_empty() && other.starts_with(&format!("{room}/")));
            assert_eq!(
                within.map(|(other, _)| other).collect::<Vec<_>>(),
                Vec::<&&str>::new(),
                "{room}"
            );
        }
    }
}
