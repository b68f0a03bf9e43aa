//! Stands before every handler: how often one may come, whether the key is live, and whether its holder
//! may do this. Decides by the route table alone; handlers never ask again.

use super::App;
use super::pages::{again, confirm, problem_page, seat};
use super::problem::Problem;
use super::routes::{Allowed, is_page};
use crate::actions::authenticate::authenticate;
use crate::domain::access::{Caller, Roles};
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest, ResponseError};
use std::net::{IpAddr, Ipv4Addr};
use zeroize::Zeroizing;

/// The methods of one address, each with who may use it.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub path: &'static str,
    pub methods: Vec<(Method, Allowed)>,
    /// Those that ask for password and code again after a while.
    pub confirmed: Vec<Method>,
}

impl Door {
    fn allowed(&self, method: &Method) -> Option<Allowed> {
        let found = self.methods.iter().find(|(known, _)| known == method);
        found.map(|(_, allowed)| *allowed)
    }

    fn allow_header(&self) -> String {
        let names: Vec<&str> = self
            .methods
            .iter()
            .map(|(method, _)| method.as_str())
            .collect();
        names.join(", ")
    }

    fn open_to_anyone(&self) -> bool {
        self.methods
            .iter()
            .any(|(_, allowed)| matches!(allowed, Allowed::Anyone))
    }

    /// Acknowledgements have buckets of their own.
    fn stamps(&self) -> bool {
        self.path.ends_with("/acknowledgement") || self.path == "/n/{token}"
    }

    /// What a page asks by itself, over and over, is no use of its session.
    fn is_use(&self) -> bool {
        self.path != "/live"
    }

    /// Whether the caller may use `method` here.
    fn judge(&self, method: &Method, roles: Roles, of_bank: bool) -> Result<(), Problem> {
        if let Some(may) = self.allowed(method).and_then(Allowed::roles) {
            if may.shares(roles) {
                return Ok(());
            }
            // To a bank, what is not for banks does not exist.
            if of_bank && !for_banks(may) {
                return Err(Problem::missing());
            }
            return Err(forbidden(may));
        }
        let some_for_banks = self
            .methods
            .iter()
            .any(|(_, allowed)| allowed.roles().is_none_or(for_banks));
        if of_bank && !some_for_banks {
            return Err(Problem::missing());
        }
        Err(Problem::method_not_allowed(self.allow_header()))
    }
}

fn for_banks(roles: Roles) -> bool {
    roles.iter().any(|role| role.is_of_bank())
}

fn forbidden(may: Roles) -> Problem {
    let names: Vec<&str> = may.iter().map(|role| role.code()).collect();
    let detail = format!(
        "your key does not carry the right; who may: {}",
        names.join(", ")
    );
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
}

/// Lets the request through to its handler, or answers it.
pub(super) async fn pass(
    door: &Door,
    req: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if is_page(door.path) {
        return pass_to_page(door, req, next).await;
    }
    match admit(door, &req).await {
        Ok(caller) => {
            if let Some(caller) = caller {
                req.extensions_mut().insert(caller);
            }
            next.call(req).await
        }
        Err(problem) => Ok(req.into_response(problem.error_response())),
    }
}

/// The same for a page: whoever is not signed in is sent to where that is done, and a refusal is a page.
async fn pass_to_page(
    door: &Door,
    req: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match admit_to_page(door, &req).await {
        Ok(()) => {}
        Err(problem) if problem.status == StatusCode::UNAUTHORIZED => {
            if again::is_carried(req.request()) {
                let (req, mut payload) = req.into_parts();
                let answer = again::ask(&req, &mut payload).await;
                return Ok(ServiceResponse::new(req, answer));
            }
            let answer = seat::to_sign_in(req.request());
            return Ok(req.into_response(answer));
        }
        Err(problem) => {
            let page = problem_page(req.request(), &problem);
            return Ok(req.into_response(page));
        }
    }
    if req.method() == Method::GET && confirm::is_due(req.request()) {
        let answer = confirm::ask(req.request());
        return Ok(req.into_response(answer));
    }
    let answer = next.call(req).await?;
    let problem = answer
        .response()
        .error()
        .and_then(|error| error.as_error::<Problem>())
        .cloned();
    match problem {
        Some(problem) => {
            let again = again::page(answer.request()).await;
            let page = again.unwrap_or_else(|| problem_page(answer.request(), &problem));
            Ok(answer.into_response(page))
        }
        None => Ok(answer),
    }
}

async fn admit_to_page(door: &Door, req: &ServiceRequest) -> Result<(), Problem> {
    let app = req
        .app_data::<Data<App>>()
        .ok_or_else(|| Problem::internal(&"the application has no App"))?;
    if req.method() == Method::POST && !seat::is_same_origin(app, req.headers()) {
        app.throttle.peer(peer(app, req), false)?;
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "other_origin",
            "this form was sent from another site; open the page itself and send it again",
        ));
    }
    match door.allowed(req.method()) {
        Some(Allowed::Anyone) => return app.throttle.peer(peer(app, req), false),
        Some(Allowed::Public(_)) if app.log_is_public => {
            return app.throttle.peer(peer(app, req), false);
        }
        None if door.open_to_anyone() => {
            return Err(Problem::method_not_allowed(door.allow_header()));
        }
        _ => {}
    }
    let Some(seated) = seat::find(app, req.headers(), door.is_use()).await? else {
        app.throttle.peer(peer(app, req), false)?;
        return Err(Problem::unauthenticated());
    };
    let caller = seated.who.caller.clone();
    app.throttle.key(caller.key(), false)?;
    let is_confirmed = confirm::is_fresh(app, &seated);
    req.extensions_mut().insert(seated);
    req.extensions_mut().insert(caller.clone());
    door.judge(req.method(), caller.roles(), caller.bank().is_some())?;
    if !is_confirmed && door.confirmed.contains(req.method()) {
        // A GET is sent to confirm it here; a form is held back where it is read, so that nothing typed is lost.
        confirm::mark_due(req.request());
    }
    Ok(())
}

async fn admit(door: &Door, req: &ServiceRequest) -> Result<Option<Caller>, Problem> {
    let app = req
        .app_data::<Data<App>>()
        .ok_or_else(|| Problem::internal(&"the application has no App"))?;
    let peer = peer(app, req);
    if door.path.starts_with("/api/v1/") && req.headers().contains_key(header::COOKIE) {
        app.throttle.peer(peer, false)?;
        return Err(Problem::bad_request(
            "cookie_refused",
            "the API takes keys and no cookies",
        ));
    }
    match door.allowed(req.method()) {
        Some(Allowed::Anyone) => {
            // A health check must answer while the hub is under load; what is embedded costs nothing, and
            // colleagues behind one address all need it.
            let is_free = ["/health/", "/static/"]
                .iter()
                .any(|start| door.path.starts_with(start));
            if !is_free {
                app.throttle.peer(peer, door.stamps())?;
            }
            return Ok(None);
        }
        None if door.open_to_anyone() => {
            return Err(Problem::method_not_allowed(door.allow_header()));
        }
        _ => {}
    }
    let caller = match caller(app, req).await? {
        Some(caller) => caller,
        None => {
            app.throttle.peer(peer, false)?;
            return Err(Problem::unauthenticated());
        }
    };
    app.throttle.key(caller.key(), door.stamps())?;
    door.judge(req.method(), caller.roles(), caller.bank().is_some())?;
    Ok(Some(caller))
}

async fn caller(app: &App, req: &ServiceRequest) -> Result<Option<Caller>, Problem> {
    let mut given = req.headers().get_all(header::AUTHORIZATION);
    let (Some(header), None) = (given.next(), given.next()) else {
        return Ok(None);
    };
    let Some(presented) = header.to_str().ok().and_then(bearer) else {
        return Ok(None);
    };
    let presented = Zeroizing::new(presented.to_owned());
    app.store
        .read(move |tx| authenticate(tx, &presented).map_err(Problem::from))
        .await
}

/// RFC 6750 §2.1; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && token.starts_with("kairan_") && token.len() <= 200)
        .then_some(token)
}

/// The client's address: the socket's, or the entry that the outermost trusted proxy wrote.
fn peer(app: &App, req: &ServiceRequest) -> IpAddr {
    client(app, req.request())
}

pub(super) fn client(app: &App, req: &HttpRequest) -> IpAddr {
    let socket = req.peer_addr().map(|addr| addr.ip());
    let forwarded = match app.limits.trusted_proxies {
        0 => None,
        trusted => forwarded(req, trusted),
    };
    forwarded
        .or(socket)
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

fn forwarded(req: &HttpRequest, trusted: usize) -> Option<IpAddr> {
    let values = req.headers().get_all("x-forwarded-for");
    let entries: Vec<&str> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let at = entries.len().checked_sub(trusted)?;
    entries.get(at)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;

    fn door(method: Method, may: &[Role]) -> Door {
        Door {
            path: "/api/v1/x",
            methods: vec![(method, Allowed::Roles(Roles::of(may)))],
            confirmed: Vec::new(),
        }
    }

    fn status(door: &Door, method: &Method, role: Role) -> u16 {
        match door.judge(method, Roles::of(&[role]), role.is_of_bank()) {
            Ok(()) => 200,
            Err(problem) => problem.status.as_u16(),
        }
    }

    #[test]
    fn what_is_not_for_banks_does_not_exist_for_them() {
        let operators = door(Method::GET, &[Role::Officer]);
        assert_eq!(status(&operators, &Method::GET, Role::Officer), 200);
        assert_eq!(status(&operators, &Method::GET, Role::Auditor), 403);
        for method in [Method::GET, Method::DELETE] {
            let refused = operators.judge(&method, Roles::of(&[Role::BankMember]), true);
            assert_eq!(refused, Err(Problem::missing()));
        }
    }

    #[test]
    fn a_caller_of_the_right_kind_is_told_who_may() {
        let administrators = door(Method::POST, &[Role::BankAdministrator]);
        assert_eq!(
            status(&administrators, &Method::POST, Role::BankMember),
            403
        );
        assert_eq!(status(&administrators, &Method::GET, Role::BankMember), 405);
        let refused = administrators.judge(&Method::POST, Roles::of(&[Role::Officer]), false);
        assert!(
            refused
                .expect_err("not an officer's")
                .detail
                .contains("bank_administrator")
        );
    }

    #[test]
    fn a_key_comes_in_a_bearer_header() {
        assert_eq!(bearer("Bearer kairan_a_b"), Some("kairan_a_b"));
        assert_eq!(bearer("bearer  kairan_a_b"), Some("kairan_a_b"));
        for bad in [
            "",
            "Bearer",
            "Basic kairan_a_b",
            "Bearer other",
            "kairan_a_b",
        ] {
            assert_eq!(bearer(bad), None, "{bad}");
        }
    }
}
