//! Turns the route table into services: one resource for each address, with the doorkeeper before it.

use super::doorkeeper::{Door, pass};
use super::routes::{Route, routes};
use actix_web::dev::{HttpServiceFactory, ServiceRequest};
use actix_web::middleware::{Next, from_fn};
use actix_web::web;
use std::rc::Rc;

pub(super) fn resources() -> Vec<impl HttpServiceFactory> {
    let mut addresses: Vec<(&'static str, Vec<Route>)> = Vec::new();
    for route in routes() {
        match addresses.iter_mut().find(|(path, _)| *path == route.path) {
            Some((_, known)) => known.push(route),
            None => addresses.push((route.path, vec![route])),
        }
    }
    addresses
        .into_iter()
        .map(|(path, routes)| resource(path, &routes))
        .collect()
}

fn resource(path: &'static str, routes: &[Route]) -> impl HttpServiceFactory + use<> {
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
    let mut resource = web::resource(path);
    for route in routes {
        resource = resource.route(route.mounted());
    }
    resource.wrap(from_fn(move |req: ServiceRequest, next: Next<_>| {
        let door = Rc::clone(&door);
        async move { pass(&door, req, next).await }
    }))
}
