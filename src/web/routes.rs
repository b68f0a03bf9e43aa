//! Every URL, its method, its handler, and who may call it: the one table. The services are mounted from
//! it, the document of the API is held to it, and the access matrix is tried from it.

use super::api::{
    approvals, as_of, banks, board, calls, certificates, challenges, channels, chases, contacts,
    deferrals, deliveries, drafts, endpoints, evidence, exercises, health, import, inbox,
    incidents, invitations, keys, log, notices, partnerships, people, questions, reachability,
    reports, resend, responses, service_levels, signing_keys, tasks, test_notice,
};
use super::{openapi, pages};
use crate::domain::access::{Role, Roles};
use actix_web::http::Method;
use actix_web::web;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    Anyone,
    /// Callers that have one of these.
    Roles(Roles),
    /// Anyone where the log is public, else callers that have one of these.
    Public(Roles),
}

impl Allowed {
    /// Which callers; `None` = anyone.
    pub fn roles(self) -> Option<Roles> {
        match self {
            Self::Anyone => None,
            Self::Roles(roles) | Self::Public(roles) => Some(roles),
        }
    }
}

/// One URL with one method.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub who: Allowed,
    /// Asks for password and code, unless they were given in this session a short while ago.
    pub confirmed: bool,
    mount: fn() -> actix_web::Route,
}

impl Route {
    /// Read in a browser, by a session instead of a key.
    pub fn is_page(&self) -> bool {
        is_page(self.path)
    }

    pub(super) fn mounted(&self) -> actix_web::Route {
        (self.mount)()
    }
}

/// All but what machines call, what anybody fetches, and the mail link's page, which knows no session.
pub(super) fn is_page(path: &str) -> bool {
    let others = ["/api/", "/health/", "/.well-known/", "/static/", "/n/"];
    !others.iter().any(|start| path.starts_with(start))
}

const fn only(roles: &[Role]) -> Allowed {
    Allowed::Roles(Roles::of(roles))
}

const ANYONE: Allowed = Allowed::Anyone;
const OFFICER: Allowed = only(&[Role::Officer]);
const AUDITOR: Allowed = only(&[Role::Auditor]);
const READERS: Allowed = only(&[Role::Officer, Role::Auditor]);
const DECIDERS: Allowed = only(&[Role::Officer, Role::Administrator]);
const OPERATOR: Allowed = only(&[Role::Officer, Role::Auditor, Role::Administrator]);
const ADMINISTRATOR: Allowed = only(&[Role::Administrator]);
const REGISTRARS: Allowed = only(&[Role::Administrator, Role::Auditor]);
const PEOPLE: &[Role] = &[
    Role::Officer,
    Role::Auditor,
    Role::Administrator,
    Role::BankMember,
    Role::BankAdministrator,
];
const PERSON: Allowed = only(PEOPLE);
const PUBLIC: Allowed = Allowed::Public(Roles::of(PEOPLE));
const EVERYBODY: Allowed = only(&[
    Role::Officer,
    Role::Auditor,
    Role::Administrator,
    Role::BankMember,
    Role::BankAdministrator,
    Role::BankMachine,
]);
const BANK_PEOPLE: Allowed = only(&[Role::BankMember, Role::BankAdministrator]);
const BANK_ADMINISTRATOR: Allowed = only(&[Role::BankAdministrator]);
const BANK_KEEPERS: Allowed = only(&[Role::BankAdministrator, Role::BankMachine]);
const BANK: Allowed = only(&[Role::BankMember, Role::BankAdministrator, Role::BankMachine]);

const CONFIRMED: bool = true;

macro_rules! table {
    ($($method:ident $path:literal $who:ident $(+ $confirmed:ident)? $handler:path;)*) => {
        vec![$(Route {
            method: Method::$method,
            path: $path,
            who: $who,
            confirmed: [$($confirmed)?].contains(&true),
            mount: || web::method(Method::$method).to($handler),
        }),*]
    };
}

/// All of them.
pub fn routes() -> Vec<Route> {
    table![
        GET "/health/live" ANYONE health::live;
        GET "/health/ready" ANYONE health::ready;
        GET "/.well-known/kairan" ANYONE health::hub;
        GET "/api/openapi.json" ANYONE openapi::document;
        GET "/api/docs" ANYONE openapi::docs_start;
        GET "/api/docs/{file:.*}" ANYONE openapi::docs;
        GET "/static/{file:.*}" ANYONE pages::assets::file;
        GET "/n/{token}" ANYONE pages::link::show;
        POST "/n/{token}" ANYONE pages::link::confirm;

        GET "/sign-in" ANYONE pages::account::sign_in_form;
        POST "/sign-in" ANYONE pages::account::sign_in;
        GET "/invitations/{token}" ANYONE pages::account::invitation;
        POST "/invitations/{token}" ANYONE pages::account::accept;
        GET "/recoveries/{token}" ANYONE pages::account::recovery;
        POST "/recoveries/{token}" ANYONE pages::account::recover;
        GET "/" PERSON pages::start;
        POST "/sign-out" PERSON pages::account::sign_out;
        GET "/account" PERSON pages::account::account;
        GET "/account/confirm" PERSON pages::confirm::form;
        POST "/account/confirm" PERSON pages::confirm::confirm;
        POST "/account/language" PERSON pages::account::language;
        POST "/account/zone" PERSON pages::account::zone;
        POST "/account/password" PERSON pages::account::change_password;
        POST "/account/sessions/end-others" PERSON pages::account::end_other_sessions;
        POST "/account/sessions/{id}/end" PERSON pages::account::end_session;
        POST "/account/keys" PERSON + CONFIRMED pages::account::make_key;
        POST "/account/keys/{id}/revoke" PERSON + CONFIRMED pages::account::revoke_key;

        GET "/inbox" BANK_PEOPLE pages::bank::inbox;
        GET "/inbox/{id}" BANK_PEOPLE pages::bank::notice;
        GET "/inbox/{id}/proof" BANK_PEOPLE pages::bank::proof;
        POST "/inbox/{id}/acknowledgement" BANK_PEOPLE pages::bank::acknowledge;
        POST "/inbox/{id}/responses" BANK_PEOPLE pages::bank::respond;
        GET "/reports" BANK_PEOPLE pages::reports::own;
        POST "/reports" BANK_PEOPLE pages::reports::file;
        GET "/reports/{id}" BANK_PEOPLE pages::reports::read_own;
        GET "/reports/{id}/proof" BANK_PEOPLE pages::reports::proof_own;
        GET "/own" BANK_PEOPLE pages::bank::channels;
        GET "/own/deliveries" BANK_PEOPLE pages::bank::deliveries;
        POST "/own/test" BANK_ADMINISTRATOR pages::bank::send_test;
        POST "/own/contacts" BANK_ADMINISTRATOR pages::bank::add_contact;
        GET "/own/contacts/{id}" BANK_ADMINISTRATOR pages::change::own_contact;
        POST "/own/contacts/{id}" BANK_ADMINISTRATOR pages::change::replace_own_contact;
        POST "/own/contacts/{id}/end" BANK_ADMINISTRATOR pages::bank::end_contact;
        POST "/own/endpoints" BANK_ADMINISTRATOR + CONFIRMED pages::bank::add_endpoint;
        GET "/own/endpoints/{id}" BANK_ADMINISTRATOR pages::change::own_endpoint;
        POST "/own/endpoints/{id}" BANK_ADMINISTRATOR + CONFIRMED pages::change::replace_own_endpoint;
        POST "/own/endpoints/{id}/rotate" BANK_ADMINISTRATOR + CONFIRMED pages::bank::rotate_secret;
        POST "/own/endpoints/{id}/challenge" BANK_ADMINISTRATOR pages::bank::challenge_endpoint;
        POST "/own/endpoints/{id}/end" BANK_ADMINISTRATOR + CONFIRMED pages::bank::end_endpoint;
        POST "/own/keys" BANK_ADMINISTRATOR + CONFIRMED pages::bank::make_key;
        POST "/own/keys/{id}/revoke" BANK_ADMINISTRATOR + CONFIRMED pages::bank::revoke_key;
        POST "/own/signing-keys" BANK_ADMINISTRATOR + CONFIRMED pages::bank::enrol_signing_key;
        POST "/own/signing-keys/{id}/end" BANK_ADMINISTRATOR + CONFIRMED pages::bank::end_signing_key;

        GET "/live" READERS pages::live::board;
        GET "/home" OFFICER pages::officer::home;
        GET "/incidents/new" OFFICER pages::filing::form;
        POST "/incidents/new" OFFICER pages::filing::file;
        GET "/bank-reports" READERS pages::reports::list;
        GET "/bank-reports/{id}" READERS pages::reports::read;
        POST "/bank-reports/{id}/draft" OFFICER pages::reports::begin_draft;
        POST "/bank-reports/{id}/rejection" OFFICER pages::reports::reject;
        GET "/exercises" READERS pages::exercises::list;
        GET "/questions" READERS pages::questions::list;
        POST "/responses/{id}/answer" OFFICER pages::questions::answer;
        GET "/drafts" READERS pages::drafts::list;
        GET "/drafts/{id}" READERS pages::drafts::read;
        GET "/deferrals" READERS pages::deferrals::list;
        POST "/deferrals/{id}/lifting" OFFICER pages::deferrals::lift;
        POST "/deferrals/{id}/renewal" OFFICER + CONFIRMED pages::deferrals::renew;
        POST "/drafts/{id}/discard" OFFICER pages::drafts::discard;
        GET "/incidents/{reference}" READERS pages::officer::incident;
        GET "/incidents/{reference}/revise" OFFICER pages::filing::revision_form;
        POST "/incidents/{reference}/revise" OFFICER pages::filing::revise;
        POST "/incidents/{reference}/withdrawal" OFFICER + CONFIRMED pages::officer::withdraw;
        POST "/incidents/{reference}/calls/{id}/claim" OFFICER pages::calls::claim;
        POST "/incidents/{reference}/calls/{id}/release" OFFICER pages::calls::release;
        GET "/incidents/{reference}/calls/{id}" OFFICER pages::calls::form;
        POST "/incidents/{reference}/calls/{id}" OFFICER pages::calls::complete;
        POST "/incidents/{reference}/notice-closings" OFFICER + CONFIRMED pages::officer::close_notice;
        POST "/incidents/{reference}/resends" OFFICER pages::officer::resend;

        GET "/matrix" READERS pages::auditor::matrix;
        GET "/evidence/{id}" READERS pages::auditor::chain;
        GET "/evidence/incidents/{reference}" READERS pages::evidence::completeness;
        GET "/evidence/incidents/{reference}/bundle" AUDITOR + CONFIRMED pages::evidence::bundle;
        GET "/evidence/incidents/{reference}/pack" AUDITOR + CONFIRMED pages::evidence::incident_pack;
        GET "/evidence/banks/{code}/pack" AUDITOR + CONFIRMED pages::evidence::bank_pack;
        GET "/deliveries" READERS pages::auditor::log;
        GET "/deliveries/export" READERS + CONFIRMED pages::auditor::export;
        GET "/as-of" READERS pages::auditor::as_of;
        GET "/as-of/certificate" AUDITOR + CONFIRMED pages::auditor::certificate;
        GET "/figures" READERS pages::auditor::figures;
        GET "/service-levels" READERS pages::service_levels::page;
        GET "/service-levels/export" READERS pages::service_levels::export;
        GET "/check" READERS pages::auditor::check;

        GET "/log/checkpoint" PUBLIC log::checkpoint;
        GET "/log/tile/entries/{place:.*}" AUDITOR log::entries;
        GET "/log/tile/{level}/{place:.*}" PUBLIC log::tile;

        GET "/approvals" OPERATOR pages::approvals::list;
        POST "/approvals/{id}" DECIDERS + CONFIRMED pages::approvals::decide;
        GET "/register" ADMINISTRATOR pages::administrator::register;
        POST "/register" ADMINISTRATOR pages::administrator::enter_bank;
        GET "/register/import" ADMINISTRATOR pages::administrator::import_form;
        POST "/register/import" ADMINISTRATOR + CONFIRMED pages::administrator::import_banks;
        GET "/register/{code}" ADMINISTRATOR pages::administrator::bank;
        GET "/register/{code}/profile" ADMINISTRATOR pages::change::profile;
        POST "/register/{code}/profile" ADMINISTRATOR pages::change::amend;
        POST "/register/{code}/partnership" ADMINISTRATOR pages::administrator::join;
        POST "/register/{code}/ending" ADMINISTRATOR + CONFIRMED pages::administrator::end_partnership;
        POST "/register/{code}/test" DECIDERS pages::administrator::send_test;
        POST "/register/{code}/contacts" ADMINISTRATOR pages::administrator::add_contact;
        GET "/register/{code}/contacts/{id}" ADMINISTRATOR pages::change::contact;
        POST "/register/{code}/contacts/{id}" ADMINISTRATOR pages::change::replace_contact_of;
        POST "/register/{code}/contacts/{id}/end" ADMINISTRATOR pages::administrator::end_contact;
        POST "/register/{code}/endpoints" ADMINISTRATOR + CONFIRMED pages::administrator::add_endpoint;
        GET "/register/{code}/endpoints/{id}" ADMINISTRATOR pages::change::endpoint;
        POST "/register/{code}/endpoints/{id}" ADMINISTRATOR + CONFIRMED pages::change::ask_endpoint;
        POST "/register/{code}/endpoints/{id}/challenge" ADMINISTRATOR pages::administrator::challenge_endpoint;
        POST "/register/{code}/endpoints/{id}/end" ADMINISTRATOR + CONFIRMED pages::change::ask_endpoint_ending;
        GET "/register/{code}/keys/{id}" ADMINISTRATOR pages::change::key;
        POST "/register/{code}/keys/{id}" ADMINISTRATOR + CONFIRMED pages::change::ask_revocation;
        POST "/register/{code}/keys" ADMINISTRATOR + CONFIRMED pages::administrator::make_key;
        GET "/people" ADMINISTRATOR pages::administrator::everybody;
        POST "/people/invitations" ADMINISTRATOR + CONFIRMED pages::administrator::invite;
        POST "/people/{id}/roles" ADMINISTRATOR + CONFIRMED pages::administrator::change_roles;
        POST "/people/{id}/recovery" ADMINISTRATOR + CONFIRMED pages::administrator::recover;

        GET "/api/v1/incidents" READERS incidents::search;
        POST "/api/v1/incidents" OFFICER incidents::file;
        GET "/api/v1/incidents/{reference}" READERS incidents::latest;
        GET "/api/v1/incidents/{reference}/revisions" READERS incidents::revisions;
        POST "/api/v1/incidents/{reference}/revisions" OFFICER incidents::revise;
        GET "/api/v1/incidents/{reference}/revisions/{number}" READERS incidents::revision;
        POST "/api/v1/incidents/{reference}/withdrawal" OFFICER incidents::withdraw;
        POST "/api/v1/incidents/{reference}/notice-closings" OFFICER incidents::close_notice;
        POST "/api/v1/incidents/{reference}/resends" OFFICER resend::to_bank;
        GET "/api/v1/incidents/{reference}/notices" READERS board::board;
        GET "/api/v1/incidents/{reference}/responses" READERS responses::of_incident;
        GET "/api/v1/incidents/{reference}/chases" READERS chases::of_incident;
        GET "/api/v1/incidents/{reference}/out-of-band-contacts" READERS calls::contacts;
        POST "/api/v1/incidents/{reference}/out-of-band-contacts" OFFICER calls::tell;
        GET "/api/v1/incidents/{reference}/response-map" READERS responses::map;
        GET "/api/v1/exercises" READERS exercises::list;
        GET "/api/v1/questions" READERS questions::list;
        POST "/api/v1/responses/{id}/answer" OFFICER questions::answer;

        GET "/api/v1/inbox" BANK inbox::inbox;
        GET "/api/v1/notices/{id}" BANK notices::notice;
        GET "/api/v1/notices/{id}/object" BANK notices::object;
        GET "/api/v1/notices/{id}/body" BANK notices::body;
        GET "/api/v1/notices/{id}/proof" BANK notices::proof;
        POST "/api/v1/notices/{id}/acknowledgement" BANK notices::acknowledge;
        GET "/api/v1/notices/{id}/responses" BANK responses::for_bank;
        POST "/api/v1/notices/{id}/responses" BANK responses::respond;

        GET "/api/v1/approvals" OPERATOR approvals::list;
        POST "/api/v1/approvals/{id}/decision" DECIDERS approvals::decide;
        GET "/api/v1/deliveries" READERS deliveries::list;
        POST "/api/v1/deliveries/{id}/resend" OFFICER resend::again;
        GET "/api/v1/tasks" READERS tasks::list;
        POST "/api/v1/tasks/{id}/claim" OFFICER calls::claim;
        POST "/api/v1/tasks/{id}/release" OFFICER calls::release;
        POST "/api/v1/tasks/{id}/completion" OFFICER calls::complete;
        GET "/api/v1/clocks" READERS chases::clocks;
        GET "/api/v1/service-levels" READERS service_levels::levels;
        GET "/api/v1/as-of" READERS as_of::as_of;
        GET "/api/v1/certificates" AUDITOR certificates::certificate;
        GET "/api/v1/evidence/incidents/{reference}" AUDITOR evidence::of_incident;
        GET "/api/v1/evidence/banks/{code}" AUDITOR evidence::of_bank;
        POST "/api/v1/banks/{code}/test-notice" DECIDERS test_notice::send;

        GET "/api/v1/log/checkpoint" EVERYBODY log::checkpoint;
        GET "/api/v1/log/tile/entries/{place:.*}" AUDITOR log::entries;
        GET "/api/v1/log/tile/{level}/{place:.*}" EVERYBODY log::tile;

        GET "/api/v1/deferrals" READERS deferrals::list;
        POST "/api/v1/deferrals" OFFICER deferrals::request;
        POST "/api/v1/deferrals/{id}/lifting" OFFICER deferrals::lift;
        POST "/api/v1/deferrals/{id}/renewal" OFFICER deferrals::renew;

        GET "/api/v1/reports" READERS reports::list;
        POST "/api/v1/reports" BANK reports::report;
        GET "/api/v1/reports/{id}" READERS reports::read;
        POST "/api/v1/reports/{id}/draft" OFFICER reports::begin_draft;
        POST "/api/v1/reports/{id}/rejection" OFFICER reports::reject;

        GET "/api/v1/drafts" READERS drafts::list;
        POST "/api/v1/drafts" OFFICER drafts::create;
        GET "/api/v1/drafts/{id}" READERS drafts::read;
        PUT "/api/v1/drafts/{id}" OFFICER drafts::replace;
        POST "/api/v1/drafts/{id}/discard" OFFICER drafts::discard;

        GET "/api/v1/banks" OPERATOR banks::list;
        POST "/api/v1/banks" ADMINISTRATOR banks::create;
        GET "/api/v1/banks/{code}" OPERATOR banks::read;
        PUT "/api/v1/banks/{code}/profile" ADMINISTRATOR banks::amend;
        GET "/api/v1/roster" OPERATOR banks::roster;
        GET "/api/v1/reachability" OPERATOR reachability::list;
        GET "/api/v1/channels" OPERATOR channels::list;
        POST "/api/v1/import" ADMINISTRATOR import::import;
        GET "/api/v1/partnerships" OPERATOR partnerships::list;
        POST "/api/v1/partnerships" ADMINISTRATOR partnerships::join;
        POST "/api/v1/partnerships/{code}/ending" ADMINISTRATOR partnerships::end;
        GET "/api/v1/banks/{code}/contacts" OPERATOR contacts::list;
        POST "/api/v1/banks/{code}/contacts" ADMINISTRATOR contacts::create;
        POST "/api/v1/banks/{code}/contacts/{id}/replacement" ADMINISTRATOR contacts::replace;
        DELETE "/api/v1/banks/{code}/contacts/{id}" ADMINISTRATOR contacts::end;
        GET "/api/v1/banks/{code}/endpoints" OPERATOR endpoints::list;
        POST "/api/v1/banks/{code}/endpoints" ADMINISTRATOR endpoints::create;
        POST "/api/v1/banks/{code}/endpoints/{id}/replacement" ADMINISTRATOR endpoints::replace;
        POST "/api/v1/banks/{code}/endpoints/{id}/ending" ADMINISTRATOR endpoints::end;
        POST "/api/v1/banks/{code}/endpoints/{id}/challenge" DECIDERS challenges::send;
        GET "/api/v1/banks/{code}/keys" REGISTRARS keys::list_of_bank;
        POST "/api/v1/banks/{code}/keys" ADMINISTRATOR keys::create_of_bank;
        POST "/api/v1/banks/{code}/keys/{id}/revocation" ADMINISTRATOR keys::revoke_of_bank;
        GET "/api/v1/banks/{code}/signing-keys" OPERATOR signing_keys::list_of_bank;

        GET "/api/v1/people" REGISTRARS people::list;
        POST "/api/v1/people/{id}/roles" ADMINISTRATOR people::change;
        POST "/api/v1/people/{id}/recovery" ADMINISTRATOR people::recover;
        POST "/api/v1/invitations" ADMINISTRATOR invitations::create;
        POST "/api/v1/invitations/{token}" ANYONE invitations::accept;
        GET "/api/v1/keys" PERSON keys::list;
        POST "/api/v1/keys" PERSON keys::create;
        DELETE "/api/v1/keys/{id}" PERSON keys::revoke;

        GET "/api/v1/own/reports" BANK reports::list_own;
        GET "/api/v1/own/reports/{id}" BANK reports::read_own;
        GET "/api/v1/own/reports/{id}/proof" BANK reports::proof_own;
        GET "/api/v1/own/reachability" BANK reachability::own;
        GET "/api/v1/own/channels" BANK channels::own;
        GET "/api/v1/own/contacts" BANK_PEOPLE contacts::list_own;
        POST "/api/v1/own/contacts" BANK_ADMINISTRATOR contacts::create_own;
        POST "/api/v1/own/contacts/{id}/replacement" BANK_ADMINISTRATOR contacts::replace_own;
        DELETE "/api/v1/own/contacts/{id}" BANK_ADMINISTRATOR contacts::end_own;
        GET "/api/v1/own/endpoints" BANK_PEOPLE endpoints::list_own;
        POST "/api/v1/own/endpoints" BANK_ADMINISTRATOR endpoints::create_own;
        POST "/api/v1/own/endpoints/{id}/replacement" BANK_ADMINISTRATOR endpoints::replace_own;
        DELETE "/api/v1/own/endpoints/{id}" BANK_ADMINISTRATOR endpoints::end_own;
        POST "/api/v1/own/endpoints/{id}/secret" BANK_ADMINISTRATOR endpoints::rotate_own;
        POST "/api/v1/own/endpoints/{id}/challenge" BANK_ADMINISTRATOR challenges::send_own;
        GET "/api/v1/own/keys" BANK_PEOPLE keys::list_own;
        POST "/api/v1/own/keys" BANK_ADMINISTRATOR keys::create_own;
        DELETE "/api/v1/own/keys/{id}" BANK_ADMINISTRATOR keys::revoke_own;
        GET "/api/v1/own/signing-keys" BANK signing_keys::list_own;
        POST "/api/v1/own/signing-keys" BANK_KEEPERS signing_keys::enrol_own;
        DELETE "/api/v1/own/signing-keys/{id}" BANK_KEEPERS signing_keys::end_own;
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_route_stands_twice_and_none_is_nobodys() {
        let mut seen = BTreeSet::new();
        for route in routes() {
            assert!(
                seen.insert((route.path, route.method.to_string())),
                "{}",
                route.path
            );
            if let Some(roles) = route.who.roles() {
                assert!(!roles.is_empty(), "{}", route.path);
            }
        }
    }

    #[test]
    fn only_where_there_is_a_session_can_it_be_confirmed() {
        for route in routes().iter().filter(|route| route.confirmed) {
            let signed_in = matches!(route.who, Allowed::Roles(_));
            assert!(route.is_page() && signed_in, "{}", route.path);
        }
    }

    #[test]
    fn under_the_api_everything_asks_for_a_key() {
        for route in routes() {
            let free = route.path == "/api/v1/invitations/{token}";
            if route.path.starts_with("/api/v1/") && !free {
                assert_ne!(route.who, Allowed::Anyone, "{}", route.path);
            }
        }
    }

    #[test]
    fn an_administrator_sees_no_content() {
        for path in [
            "incidents",
            "notices",
            "inbox",
            "deliveries",
            "as-of",
            "reports",
            "deferrals",
            "exercises",
            "questions",
            "responses",
        ] {
            let start = format!("/api/v1/{path}");
            for route in routes()
                .iter()
                .filter(|route| route.path.starts_with(&start))
            {
                let Allowed::Roles(roles) = route.who else {
                    continue;
                };
                assert!(!roles.contains(Role::Administrator), "{}", route.path);
            }
        }
    }
}
