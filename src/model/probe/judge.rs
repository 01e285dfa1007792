//! Whether an HTTP answer is the one that was asked for. The real adapter and the simulated site
//! both ask here, so that a good answer of a rehearsal is a good answer of the real service.

use jiff::Timestamp;
use serde_json::Value;

use super::{HttpAnswer, HttpAsk, JsonWish};

/// Of a body no more is read: what proves a service stands at its beginning.
pub const BODY_MAX: usize = 64 << 10;

/// Characters of somebody else's words that are shown. What changes at each answer comes later.
const SHOWN: usize = 60;

/// What of an HTTP answer is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HttpReply<'a> {
    /// Its status.
    pub status: u16,
    /// Its `Location`.
    pub location: Option<&'a str>,
    /// Each `WWW-Authenticate` of it.
    pub challenges: &'a [&'a str],
    /// Its body, or as much of it as is read ([`BODY_MAX`]).
    pub body: &'a [u8],
    /// Whether there is more of it.
    pub cut: bool,
    /// When its certificate ends. `None` without TLS.
    pub certificate_until: Option<Timestamp>,
}

impl HttpAsk {
    /// Holds an answer against what was asked for. The status is handed on, not judged.
    pub fn held_against(&self, reply: &HttpReply<'_>) -> HttpAnswer {
        let wrong = [
            self.body.as_deref().and_then(|wish| body(reply, wish)),
            self.json.as_ref().and_then(|wish| json(reply, wish)),
            self.redirect.as_deref().and_then(|wish| self.redirect(reply.location, wish)),
            self.challenge.as_deref().and_then(|wish| challenge(reply.challenges, wish)),
        ];
        HttpAnswer {
            status: reply.status,
            wrong: wrong.into_iter().flatten().collect(),
            certificate_until: reply.certificate_until,
        }
    }

    /// A `Location` may leave out the host that was asked (RFC 9110, 10.2.2).
    fn redirect(&self, location: Option<&str>, wish: &str) -> Option<String> {
        let Some(location) = location else {
            return Some(format!("it has no location, and {wish:?} is expected"));
        };
        let absolute = match self.origin() {
            Some(origin) if location.starts_with('/') && !location.starts_with("//") => {
                format!("{origin}{location}")
            }
            Some(_) | None => location.to_owned(),
        };
        if location.starts_with(wish) || absolute.starts_with(wish) {
            return None;
        }
        // What comes after may be a token of its own for each reader.
        let end = location.find(['?', '#']).unwrap_or(location.len());
        let place = clip(&location[..end]);
        Some(format!("it sends its reader to {place}, and {wish:?} is expected"))
    }

    /// Scheme, host and port of the URL, as it writes them.
    fn origin(&self) -> Option<&str> {
        let host = self.url.find("://")? + 3;
        let end = self.url[host..].find(['/', '?', '#']).map_or(self.url.len(), |at| host + at);
        Some(&self.url[..end])
    }
}

fn body(reply: &HttpReply<'_>, wish: &str) -> Option<String> {
    let wanted = wish.as_bytes();
    let there = wanted.is_empty() || reply.body.windows(wanted.len()).any(|it| it == wanted);
    let rest = if reply.cut { " in its first 64 kB" } else { "" };
    (!there).then(|| format!("its body has no {:?}{rest}", clip(wish)))
}

fn json(reply: &HttpReply<'_>, wish: &JsonWish) -> Option<String> {
    if reply.cut {
        return Some("its body is more than 64 kB: too much to be read as JSON".to_owned());
    }
    let Ok(found) = serde_json::from_slice::<Value>(reply.body) else {
        return Some("its body is no JSON".to_owned());
    };
    let JsonWish { pointer, value } = wish;
    match found.pointer(pointer) {
        None => Some(format!("there is no {pointer} in its body")),
        Some(found) if found == value => None,
        Some(found) => {
            let (found, value) = (clip(&found.to_string()), clip(&value.to_string()));
            Some(format!("at {pointer} of its body stands {found}, and {value} is expected"))
        }
    }
}

fn challenge(challenges: &[&str], wish: &str) -> Option<String> {
    if challenges.iter().any(|it| challenges_as(it, wish)) {
        return None;
    }
    Some(match challenges.first() {
        None => format!("it has no www-authenticate, and {wish:?} is expected"),
        Some(other) => {
            // The parameters may hold a nonce.
            let scheme = clip(other.split(' ').next().unwrap_or_default());
            format!("it asks for {scheme}, and {wish:?} is expected")
        }
    })
}

/// The scheme in any case, the rest as it is (RFC 9110, 11.1).
fn challenges_as(challenge: &str, wish: &str) -> bool {
    let scheme = wish.find(' ').unwrap_or(wish.len());
    challenge.get(..scheme).is_some_and(|it| it.eq_ignore_ascii_case(&wish[..scheme]))
        && challenge.get(scheme..).is_some_and(|it| it.starts_with(&wish[scheme..]))
}

/// The beginning of somebody else's words, without what would break a line.
fn clip(text: &str) -> String {
    let one_line = text.chars().map(|it| if it.is_control() { ' ' } else { it });
    let mut clipped: String = one_line.take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        clipped.push('…');
    }
    clipped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask() -> HttpAsk {
        let ask = json!({"url": "https://git.example/api/healthz", "statuses": [200]});
        serde_json::from_value(ask).unwrap()
    }

    fn wrong(ask: &HttpAsk, reply: HttpReply<'_>) -> Vec<String> {
        ask.held_against(&reply).wrong
    }

    #[test]
    fn a_status_is_handed_on_with_the_end_of_the_certificate_and_not_judged() {
        let until: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let reply = HttpReply { status: 503, certificate_until: Some(until), ..Default::default() };
        let answer = ask().held_against(&reply);
        let same = HttpAnswer { status: 503, wrong: Vec::new(), certificate_until: Some(until) };
        assert_eq!(answer, same);
    }

    #[test]
    fn a_body_must_have_the_text_in_it() {
        let ask = HttpAsk { body: Some("pass".to_owned()), ..ask() };
        let said = |body| wrong(&ask, HttpReply { body, ..Default::default() });
        assert_eq!(said(b"status: pass\n"), Vec::<String>::new());
        assert_eq!(said(b"\xff\xfepass"), Vec::<String>::new(), "bytes need not be UTF-8");
        assert_eq!(said(b"status: fail"), ["its body has no \"pass\""]);
        assert_eq!(said(b""), ["its body has no \"pass\""]);
    }

    #[test]
    fn a_value_must_stand_where_it_was_asked_for() {
        let wish = JsonWish { pointer: "/parts/0/status".to_owned(), value: json!("healthy") };
        let ask = HttpAsk { json: Some(wish), ..ask() };
        let said =
            |body: &str| wrong(&ask, HttpReply { body: body.as_bytes(), ..Default::default() });
        assert_eq!(said(r#"{"parts":[{"status":"healthy"}]}"#), Vec::<String>::new());
        assert_eq!(
            said(r#"{"parts":[{"status":"unhealthy"}]}"#),
            ["at /parts/0/status of its body stands \"unhealthy\", and \"healthy\" is expected"]
        );
        assert_eq!(said(r#"{"parts":[]}"#), ["there is no /parts/0/status in its body"]);
        assert_eq!(said("<!doctype html>"), ["its body is no JSON"]);
        let long = json!({"parts": [{"status": "x".repeat(500)}]}).to_string();
        assert!(said(&long)[0].chars().count() < 160, "{:?}", said(&long));
    }

    #[test]
    fn a_redirect_may_leave_out_the_host_and_its_tokens_are_not_shown() {
        let sent = |wish: &str, location| {
            let ask = HttpAsk { redirect: Some(wish.to_owned()), ..ask() };
            wrong(&ask, HttpReply { status: 302, location, ..Default::default() })
        };
        let good = Vec::<String>::new();
        assert_eq!(sent("/login", Some("/login?next=/")), good);
        assert_eq!(sent("https://git.example/login", Some("/login")), good);
        assert_eq!(sent("https://sso.example/", Some("https://sso.example/auth?state=1")), good);
        assert_eq!(
            sent("https://git.example/login", Some("//other.example/login?state=secret")),
            ["it sends its reader to //other.example/login, \
              and \"https://git.example/login\" is expected"]
        );
        assert_eq!(sent("/login", None), ["it has no location, and \"/login\" is expected"]);
    }

    #[test]
    fn a_challenge_is_one_of_several_and_its_scheme_has_no_case() {
        let asked = |challenges: &[&str]| {
            let ask = HttpAsk { challenge: Some("Bearer realm=\"https://r".to_owned()), ..ask() };
            wrong(&ask, HttpReply { status: 401, challenges, ..Default::default() })
        };
        assert_eq!(asked(&["Basic realm=\"x\"", "bearer realm=\"https://r/token\""]).len(), 0);
        assert_eq!(
            asked(&["Digest nonce=\"abc\""]),
            ["it asks for Digest, and \"Bearer realm=\\\"https://r\" is expected"]
        );
        assert_eq!(asked(&["bearer realm=\"HTTPS://R\""]).len(), 1, "only the scheme has no case");
        assert!(asked(&[])[0].starts_with("it has no www-authenticate"), "{:?}", asked(&[]));
        assert_eq!(asked(&["Béarer"]).len(), 1, "no character is cut in two");
    }

    #[test]
    fn of_a_body_that_is_cut_only_the_beginning_is_known() {
        let wish = JsonWish { pointer: "/a".to_owned(), value: json!(1) };
        let ask = HttpAsk { body: Some("yes".to_owned()), json: Some(wish), ..ask() };
        let reply = HttpReply { body: b"no", cut: true, ..Default::default() };
        assert_eq!(
            wrong(&ask, reply),
            [
                "its body has no \"yes\" in its first 64 kB",
                "its body is more than 64 kB: too much to be read as JSON"
            ]
        );
    }

    #[test]
    fn all_that_is_wrong_is_said() {
        let ask = HttpAsk {
            body: Some("ok".to_owned()),
            challenge: Some("Basic".to_owned()),
            redirect: Some("/".to_owned()),
            ..ask()
        };
        assert_eq!(wrong(&ask, HttpReply::default()).len(), 3);
    }
}
