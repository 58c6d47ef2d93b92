//! A small server for browsers on this machine: all that knows hyper.
//!
//! It listens on 127.0.0.1, where everybody on the machine can connect, and where pages of other sites can
//! have a browser connect. So every path begins with a token that only this program's user is told; `Host` is
//! this server, or else a name was made to lead here (DNS rebinding); and `Origin`, if there is one, is too.
//! What a client takes up is bounded: one request without a body for each connection, its head in size and
//! time, the whole of it in time, and how many there are at once.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;

/// How many connections are served at once; more wait.
const CONNECTIONS: usize = 32;
/// How long a client may take to say what it wants.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// How long it all may take, the making and the reading of a large page on a busy machine too.
const ALL_WITHIN: Duration = Duration::from_mins(2);
/// How long the head of a request may be, in bytes.
const HEAD: usize = 16 << 10;
/// How many headers it may have.
const HEADERS: usize = 64;
/// How often to look whether this is to end.
const POLL: Duration = Duration::from_millis(100);
/// How long to leave it alone when nobody can be let in.
const PAUSE: Duration = Duration::from_millis(100);
/// What has no policy of its own may load and run nothing.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// What every answer says: nothing else may show it, keep it, or be told its address, which has the token.
const ALWAYS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];
const VERSION: HeaderName = HeaderName::from_static("x-version");
const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// What there is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A whole page, and what it may load and run: a content security policy.
    Document { html: Bytes, policy: String },
    /// The part of a page that changes, and its version: printable ASCII.
    Content { html: Bytes, version: String },
    /// The client has the version that there is.
    Unchanged,
    /// There is a page at this path with a slash behind it.
    WithSlash,
    /// Nothing.
    Absent,
    /// What cannot be made, and why, for people.
    Failed(String),
}

/// A port of 127.0.0.1 that is listened on.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    port: u16,
    token: String,
}

impl Server {
    /// Listens on a port; 0 stands for any that is free.
    ///
    /// # Errors
    ///
    /// Where the port is taken or not allowed, or the operating system has no random bytes.
    pub fn bind(port: u16) -> io::Result<Self> {
        let token = token()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        Ok(Self {
            listener,
            port,
            token,
        })
    }

    /// Where the path is empty: `http://127.0.0.1:PORT/TOKEN/`. Whoever knows it may read everything.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.port, self.token)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers until `is_stopped`, and does not wait for who is being answered then.
    ///
    /// `handler` is given the path behind the token and its slash, and the version that the client has. It
    /// may block, and is called from several threads at once.
    ///
    /// # Errors
    ///
    /// Where the operating system does not let it begin.
    pub fn run(
        self,
        handler: impl Fn(&str, Option<&str>) -> Answer + Send + Sync + 'static,
        is_stopped: impl Fn() -> bool,
    ) -> io::Result<()> {
        let Self {
            listener,
            port,
            token,
        } = self;
        let site = Arc::new(Site {
            hosts: hosts(port),
            token,
            handler,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(CONNECTIONS)
            .build()?;
        let served = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            tokio::spawn(accept(listener, site));
            while !is_stopped() {
                tokio::time::sleep(POLL).await;
            }
            Ok(())
        });
        runtime.shutdown_background();
        served
    }
}

/// What is served, and to whom.
struct Site<H> {
    /// What `Host` may be.
    hosts: Vec<String>,
    token: String,
    handler: H,
}

async fn accept<H>(listener: tokio::net::TcpListener, site: Arc<Site<H>>)
where
    H: Fn(&str, Option<&str>) -> Answer + Send + Sync + 'static,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let site = Arc::clone(&site);
                tokio::spawn(async move {
                    serve(stream, site).await;
                    drop(place);
                });
            }
            // There are too many open files, or the client has gone again.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn serve<H>(stream: tokio::net::TcpStream, site: Arc<Site<H>>)
where
    H: Fn(&str, Option<&str>) -> Answer + Send + Sync + 'static,
{
    let service = service_fn(|request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(respond(site, &request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_header_size(HEAD)
        .max_headers(HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Whatever went wrong, went wrong for this client.
    let _ = tokio::time::timeout(ALL_WITHIN, connection).await;
}

async fn respond<H>(site: Arc<Site<H>>, request: &Request<impl Body>) -> Response<Full<Bytes>>
where
    H: Fn(&str, Option<&str>) -> Answer + Send + Sync + 'static,
{
    if let Some(status) = refusal(&site.hosts, request) {
        return bare(status);
    }
    let path = request.uri().path();
    let Some(rest) = behind_token(path, &site.token) else {
        return bare(StatusCode::NOT_FOUND);
    };
    let Some(below) = rest.strip_prefix('/').map(str::to_owned) else {
        return with_slash(path);
    };
    let since = request.uri().query().and_then(since).map(str::to_owned);
    let answering = tokio::task::spawn_blocking(move || (site.handler)(&below, since.as_deref()));
    match answering.await {
        Ok(Answer::Document { html, policy }) => {
            let policy = format!("{policy}; frame-ancestors 'none'");
            with(
                StatusCode::OK,
                html,
                [
                    (header::CONTENT_TYPE, HTML),
                    (header::CONTENT_SECURITY_POLICY, &policy),
                ],
            )
        }
        Ok(Answer::Content { html, version }) => with(
            StatusCode::OK,
            html,
            [(header::CONTENT_TYPE, HTML), (VERSION, &version)],
        ),
        Ok(Answer::Unchanged) => bare(StatusCode::NO_CONTENT),
        Ok(Answer::WithSlash) => with_slash(path),
        Ok(Answer::Absent) => bare(StatusCode::NOT_FOUND),
        Ok(Answer::Failed(why)) => with(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("{why}\n").into(),
            [(header::CONTENT_TYPE, TEXT)],
        ),
        Err(_) => bare(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Why a request is not looked at any further.
fn refusal(hosts: &[String], request: &Request<impl Body>) -> Option<StatusCode> {
    let own = |host: &str| hosts.iter().any(|own| own.eq_ignore_ascii_case(host));
    let headers = request.headers();
    let to_us = only(headers, &header::HOST).is_some_and(own)
        && request
            .uri()
            .authority()
            .is_none_or(|authority| own(authority.as_str()));
    let from_us = !headers.contains_key(header::ORIGIN)
        || only(headers, &header::ORIGIN)
            .and_then(|origin| origin.strip_prefix("http://"))
            .is_some_and(own);
    if !to_us || !from_us {
        Some(StatusCode::FORBIDDEN)
    } else if !matches!(*request.method(), Method::GET | Method::HEAD) {
        Some(StatusCode::METHOD_NOT_ALLOWED)
    } else if !request.body().is_end_stream() {
        Some(StatusCode::PAYLOAD_TOO_LARGE)
    } else {
        None
    }
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

/// What names this server: browsers leave out the port that is HTTP's own.
fn hosts(port: u16) -> Vec<String> {
    ["127.0.0.1", "localhost"]
        .iter()
        .flat_map(|name| {
            let bare = (port == 80).then(|| (*name).to_owned());
            bare.into_iter().chain([format!("{name}:{port}")])
        })
        .collect()
}

/// What is behind the token in a path that begins with it: nothing, or a slash and more.
fn behind_token<'a>(path: &'a str, token: &str) -> Option<&'a str> {
    let path = path.strip_prefix('/')?;
    let end = path.find('/').unwrap_or(path.len());
    let (first, rest) = path.split_at_checked(end)?;
    is_same(first.as_bytes(), token.as_bytes()).then_some(rest)
}

/// In a time that tells only whether the lengths are the same.
fn is_same(given: &[u8], secret: &[u8]) -> bool {
    given.len() == secret.len()
        && given.iter().zip(secret).fold(0, |differences, (a, b)| {
            std::hint::black_box(differences | (a ^ b))
        }) == 0
}

/// The version that a query names.
fn since(query: &str) -> Option<&str> {
    query
        .split('&')
        .find_map(|part| part.strip_prefix("since="))
}

/// 128 bits.
fn token() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

fn bare(status: StatusCode) -> Response<Full<Bytes>> {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            with(status, Bytes::new(), [(header::ALLOW, "GET, HEAD")])
        }
        _ => with(status, Bytes::new(), []),
    }
}

/// Leads to the same path with a slash behind it.
fn with_slash(path: &str) -> Response<Full<Bytes>> {
    let last = path.rsplit('/').next().unwrap_or_default();
    let location = format!("./{last}/");
    with(
        StatusCode::PERMANENT_REDIRECT,
        Bytes::new(),
        [(header::LOCATION, &location)],
    )
}

fn with<const N: usize>(
    status: StatusCode,
    body: Bytes,
    own: [(HeaderName, &str); N],
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let nothing = (header::CONTENT_SECURITY_POLICY, NOTHING);
    for (name, value) in ALWAYS.into_iter().chain([nothing]).chain(own) {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)], body: &'static str) -> Request<Full<Bytes>> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Full::new(Bytes::from(body))).unwrap()
    }

    #[test]
    fn only_who_asks_this_server_for_something_to_read_is_answered() {
        const OWN: (&str, &str) = ("host", "127.0.0.1:4321");
        type Case = (
            &'static str,
            &'static [(&'static str, &'static str)],
            Option<u16>,
        );
        let cases: &[Case] = &[
            ("/", &[OWN], None),
            ("/", &[("host", "LocalHost:4321")], None),
            ("/", &[OWN, ("origin", "http://127.0.0.1:4321")], None),
            ("/", &[OWN, ("origin", "http://localhost:4321")], None),
            ("http://127.0.0.1:4321/", &[OWN], None),
            ("/", &[], Some(403)),
            ("/", &[("host", "")], Some(403)),
            ("/", &[("host", "127.0.0.1")], Some(403)),
            ("/", &[("host", "127.0.0.1:4322")], Some(403)),
            ("/", &[("host", "127.0.0.1:4321.evil.example")], Some(403)),
            ("/", &[("host", "evil.example:4321")], Some(403)),
            ("/", &[("host", "[::1]:4321")], Some(403)),
            ("/", &[OWN, OWN], Some(403)),
            ("/", &[OWN, ("host", "evil.example")], Some(403)),
            ("http://evil.example/", &[OWN], Some(403)),
            ("http://evil@127.0.0.1:4321/", &[OWN], Some(403)),
            ("/", &[OWN, ("origin", "http://evil.example")], Some(403)),
            ("/", &[OWN, ("origin", "https://127.0.0.1:4321")], Some(403)),
            ("/", &[OWN, ("origin", "http://127.0.0.1:1")], Some(403)),
            ("/", &[OWN, ("origin", "null")], Some(403)),
            ("/", &[OWN, ("origin", "")], Some(403)),
        ];
        for (uri, headers, expected) in cases {
            let refused = refusal(&hosts(4321), &request(uri, headers, ""));
            let refused = refused.map(|status| status.as_u16());
            assert_eq!(refused, *expected, "{uri} {headers:?}");
        }
        let with_body = refusal(&hosts(4321), &request("/", &[OWN], "body"));
        assert_eq!(with_body, Some(StatusCode::PAYLOAD_TOO_LARGE));
        let default_port = refusal(&hosts(80), &request("/", &[("host", "localhost")], ""));
        assert_eq!(default_port, None);
    }

    #[test]
    fn a_path_begins_with_the_whole_token() {
        let cases = [
            ("/abc/", Some("/")),
            ("/abc/x/y", Some("/x/y")),
            ("/abc//", Some("//")),
            ("/abc", Some("")),
            ("/ab/", None),
            ("/abcd/", None),
            ("/abd/", None),
            ("/ABC/", None),
            ("//abc/", None),
            ("/x/abc/", None),
            ("abc/", None),
            ("*", None),
            ("/", None),
            ("", None),
        ];
        for (path, expected) in cases {
            assert_eq!(behind_token(path, "abc"), expected, "{path}");
        }
    }

    #[test]
    fn tokens_are_of_128_bits_and_never_the_same() {
        let tokens: std::collections::BTreeSet<String> =
            (0..100).map(|_| token().unwrap()).collect();
        assert_eq!(tokens.len(), 100);
        for token in tokens {
            assert_eq!(token.len(), 32);
            assert!(token.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }

    #[test]
    fn a_query_may_name_a_version() {
        for (query, expected) in [
            ("since=1f", Some("1f")),
            ("a=b&since=1f&since=2", Some("1f")),
            ("since=", Some("")),
            ("sinc=1", None),
            ("", None),
        ] {
            assert_eq!(since(query), expected, "{query}");
        }
    }

    #[test]
    fn no_answer_goes_without_its_headers() {
        let response = with(
            StatusCode::OK,
            Bytes::new(),
            [(header::CONTENT_SECURITY_POLICY, "line\nbreak")],
        );
        for (name, value) in ALWAYS {
            assert_eq!(response.headers()[name], value);
        }
        assert_eq!(response.headers()[header::CONTENT_SECURITY_POLICY], NOTHING);
        assert_eq!(with_slash("/a/b").headers()[header::LOCATION], "./b/");
    }
}
