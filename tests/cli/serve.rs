//! `results --serve`, spoken to by hand.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout};
use std::time::Duration;

use crate::experiments::{
    DIRECTORY, Gate, ID, assert_same, everything, finish, sized, start, wait_until,
};
use crate::support::{Outcome, Place};

/// No answer takes this long.
const WATCHDOG: Duration = Duration::from_mins(1);
/// How often to ask whether something is there yet.
const PAUSE: Duration = Duration::from_millis(50);
/// More clients than are served at once.
const MANY: usize = 40;

/// A server that was started.
struct Serving {
    /// None once it has ended.
    child: Option<Child>,
    stdout: BufReader<ChildStdout>,
    port: u16,
    token: String,
}

impl Serving {
    fn new(place: &Place, options: &[&str]) -> Self {
        let mut child = start(place, &[&["results", "--serve"], options].concat());
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        stdout.read_line(&mut url).unwrap();
        let parts = url.strip_prefix("http://127.0.0.1:").and_then(|rest| {
            let (port, token) = rest.strip_suffix("/\n")?.split_once('/')?;
            Some((port.parse().ok()?, token.to_owned()))
        });
        let Some((port, token)) = parts else {
            panic!("{url:?} is no address; {:#?}", finish(child));
        };
        assert!(token.len() == 32 && !token.contains('/'), "{url}");
        Self {
            child: Some(child),
            stdout,
            port,
            token,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        stream
    }

    /// What comes back for these bytes; none where the connection is closed without an answer.
    fn ask(&self, request: &[u8]) -> Option<Reply> {
        let mut stream = self.connect();
        // It may answer and close before it has read everything.
        let _ = stream.write_all(request);
        Reply::read(&mut stream)
    }

    /// Asks for a path as it is, with more lines in the head.
    fn request(&self, method: &str, path: &str, lines: &[&str]) -> Reply {
        let host = format!("Host: 127.0.0.1:{}", self.port);
        let first = format!("{method} {path} HTTP/1.1");
        let head = [&[first.as_str(), &host], lines, &["\r\n"]].concat();
        let head = head.join("\r\n");
        self.ask(head.as_bytes()).unwrap()
    }

    /// Asks for a path behind the token.
    fn get(&self, path: &str) -> Reply {
        self.request("GET", &format!("/{}/{path}", self.token), &[])
    }

    /// Asks for what is new on the page of a directory until it has these words.
    fn wait_for(&self, directory: &str, version: &str, words: &str) -> Reply {
        let path = format!("{directory}content?since={version}");
        wait_until(words, || {
            let reply = self.get(&path);
            assert!([200, 204].contains(&reply.status), "{reply:#?}");
            if reply.status == 200 && reply.body.contains(words) {
                return true;
            }
            std::thread::sleep(PAUSE);
            false
        });
        self.get(&path)
    }

    /// How many bytes it has read so far, of files and from its clients.
    fn read_so_far(&self) -> usize {
        let process = self.child.as_ref().unwrap().id();
        let counts = std::fs::read_to_string(format!("/proc/{process}/io")).unwrap();
        let count = counts.lines().find_map(|line| line.strip_prefix("rchar: "));
        count.unwrap().parse().unwrap()
    }

    fn end(mut self, signal: i32) -> Outcome {
        let child = self.child.take().unwrap();
        // SAFETY: kill takes two integers; the child has not been waited for.
        unsafe { libc::kill(child.id().cast_signed(), signal) };
        let mut outcome = finish(child);
        self.stdout.read_to_string(&mut outcome.stdout).unwrap();
        outcome
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[derive(Debug)]
struct Reply {
    status: u16,
    /// With small letters.
    head: String,
    body: String,
}

impl Reply {
    fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        if let Err(error) = stream.read_to_end(&mut bytes) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "no answer");
        }
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?;
        Some(Self {
            status: status.parse().unwrap(),
            head: format!("{}\r\n", head.to_lowercase()),
            body: body.to_owned(),
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Asserts a refusal that tells nothing.
    #[track_caller]
    fn refuses(&self, status: u16) {
        assert_eq!((self.status, self.body.as_str()), (status, ""), "{self:#?}");
        self.has_headers();
    }

    #[track_caller]
    fn has_headers(&self) {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-frame-options", "deny"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(self.header(name), Some(value), "{self:#?}");
        }
        let policy = self.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(!self.head.contains("access-control-"), "{self:#?}");
        assert_eq!(self.header("set-cookie"), None);
    }

    /// The version of a whole page, and what stands in its `<main>`.
    #[track_caller]
    fn page(&self) -> (&str, &str) {
        assert_eq!(self.status, 200, "{self:#?}");
        self.has_headers();
        assert_eq!(
            self.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        let (_, rest) = self.body.split_once("<main data-version=\"").unwrap();
        let (version, rest) = rest.split_once("\" data-live>").unwrap();
        assert!(!version.is_empty(), "{self:#?}");
        (version, rest.split_once("</main>").unwrap().0)
    }
}

/// An experiment's directory below the token.
fn below() -> String {
    format!("experiment/{ID}/")
}

#[test]
fn a_page_is_kept_up_and_sent_only_when_it_changed() {
    let place = sized(&[]);
    let before = everything(&place);
    let serving = Serving::new(&place, &[]);
    for (directory, words) in [("", "t-benchmark_size"), (&below(), "100 bytes")] {
        let whole = serving.get(directory);
        let (version, main) = whole.page();
        assert!(main.contains(words), "{main}");
        let policy = whole.header("content-security-policy").unwrap();
        assert!(policy.contains("connect-src 'self'"), "{policy}");
        assert!(policy.contains("script-src 'sha256-"), "{policy}");

        serving
            .get(&format!("{directory}content?since={version}"))
            .refuses(204);
        for since in ["", "?since=", "?since=0123456789abcdef", "?other"] {
            let content = serving.get(&format!("{directory}content{since}"));
            content.has_headers();
            assert_eq!((content.status, content.body.as_str()), (200, main));
            assert_eq!(content.header("x-version"), Some(version));
        }
    }
    assert_same(&everything(&place), &before);

    let versions = ["", &below()].map(|directory| serving.get(directory).page().0.to_owned());
    place.write("t", "short");
    place.run(&["run", "-m", "cut <b>it</b>"]).succeeds();
    for (directory, version, words) in [
        ("", &versions[0], "-95.0%"),
        (&below(), &versions[1], "cut &lt;b&gt;it&lt;/b&gt;"),
    ] {
        let content = serving.wait_for(directory, version, words);
        let new = content.header("x-version").unwrap();
        assert_ne!(new, version);
        let again = serving.get(&format!("{directory}content?since={new}"));
        again.refuses(204);
        let whole = serving.get(directory);
        assert_eq!(whole.page(), (new, content.body.as_str()));
    }
}

#[test]
fn a_record_is_read_once_however_many_look_at_it() {
    let place = sized(&[]);
    let path = format!("{DIRECTORY}/journal.jsonl");
    let long = place.read(&path).repeat(10_000);
    place.write(&path, &long);
    let serving = Serving::new(&place, &[]);
    for directory in ["", &below()] {
        let before = serving.read_so_far();
        let versions: Vec<String> = std::thread::scope(|scope| {
            let ask = || serving.get(directory).page().0.to_owned();
            let asking: Vec<_> = (0..10).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(versions.iter().all(|version| *version == versions[0]));
        for _ in 0..10 {
            let content = format!("{directory}content?since={}", versions[0]);
            serving.get(&content).refuses(204);
        }
        let read = serving.read_so_far() - before;
        let times = read as f64 / long.len() as f64;
        assert!((1.0..1.5).contains(&times), "{directory}: {times}");
    }
    // Where it changes all the time, it is read now and then.
    let before = serving.read_so_far();
    let changes = 20;
    for _ in 0..changes {
        let journal = File::options()
            .append(true)
            .open(place.project().join(&path));
        journal.unwrap().write_all(b"\n").unwrap();
        assert_eq!(serving.get(&format!("{}content", below())).status, 200);
    }
    assert!(serving.read_so_far() - before < changes / 2 * long.len());
}

#[test]
fn pages_lead_to_each_other() {
    let place = sized(&[]);
    let serving = Serving::new(&place, &[]);
    let dashboard = serving.get("");
    let link = format!("<a href=\"experiment/{ID}/\">");
    assert!(dashboard.body.contains(&link), "{}", dashboard.body);
    let experiment = serving.get(&below());
    assert!(experiment.body.contains("<a href=\"../../../\">"));
    // What is relative to a page needs the slash.
    for path in [
        format!("/{}", serving.token),
        format!("/{}/experiment/{ID}", serving.token),
    ] {
        let reply = serving.request("GET", &path, &[]);
        reply.refuses(308);
        let last = path.rsplit_once('/').unwrap().1;
        assert_eq!(
            reply.header("location"),
            Some(format!("./{last}/").as_str())
        );
    }
    for path in [
        "experiment",
        "experiment/",
        "experiment/custom/",
        "experiment/custom/no/",
        "experiment/custom/no/content",
        "experiment/../../",
        "experiment/custom/../custom/t-benchmark_size/",
        "experiment/custom%2Ft-benchmark_size/",
        "custom/t-benchmark_size/",
        ".autoresearch/custom/t-benchmark_size/journal.jsonl",
        "..%2f..%2fetc/passwd",
        "content/",
        "favicon.ico",
    ] {
        serving.get(path).refuses(404);
    }
}

#[test]
fn without_an_experiment_the_page_says_so_and_one_appears_when_it_is_made() {
    let place = Place::new(&[("t", "text")]);
    let serving = Serving::new(&place, &[]);
    let empty = serving.get("");
    let (version, main) = empty.page();
    assert!(main.contains("There are none yet"), "{main}");
    serving.get(&below()).refuses(404);
    place
        .run(&["init", "-t", "t", "-e", "benchmark_size"])
        .succeeds();
    serving.wait_for("", version, "t-benchmark_size");
    serving.get(&below()).page();
    std::fs::remove_dir_all(place.project().join(DIRECTORY)).unwrap();
    wait_until("it is gone", || {
        std::thread::sleep(PAUSE);
        serving.get(&below()).status == 404
    });
}

#[test]
fn what_is_named_is_served_and_nothing_else() {
    let place = sized(&[]);
    let other = ["init", "-t", "t", "-e", "benchmark_size"];
    place
        .run(&[&other[..], &["--domain", "marketing", "--name", "other"]].concat())
        .succeeds();
    for (target, description) in [("short", "first"), ("longer", "second"), ("sh", "third")] {
        place.write("t", target);
        place.run(&["run", "-x", ID, "-m", description]).succeeds();
    }

    let alone = Serving::new(&place, &["-x", ID, "--status", "keep", "--limit", "1"]);
    let whole = alone.get("");
    let (version, main) = whole.page();
    assert!(main.contains("third") && !main.contains("second"), "{main}");
    assert!(!main.contains("href=\"../"), "{main}");
    alone.get(&format!("content?since={version}")).refuses(204);
    alone.get(&below()).refuses(404);
    alone.get("experiment/marketing/other/").refuses(404);

    let domain = Serving::new(&place, &["--domain", "marketing", "--status", "crash"]);
    let whole = domain.get("");
    let (_, main) = whole.page();
    assert!(main.contains("other") && !main.contains("t-benchmark_size"));
    domain.get("experiment/marketing/other/").page();
    domain.get(&below()).refuses(404);
}

#[test]
fn only_who_has_the_token_gets_anything() {
    let place = sized(&[]);
    let serving = Serving::new(&place, &[]);
    let token = &serving.token;
    let last = if token.ends_with('0') { "1" } else { "0" };
    for path in [
        "/".to_owned(),
        "//".to_owned(),
        "/content".to_owned(),
        "/index.html".to_owned(),
        format!("/{}/", &token[1..]),
        format!("/{}{last}/", &token[..31]),
        format!("/{token}0/"),
        format!("/{}/", token.to_uppercase() + "x"),
        format!("//{token}/"),
        format!("/x/{token}/"),
        format!("/?{token}"),
        format!("/{}/", "0".repeat(32)),
        format!("/%{:02x}{}/", token.as_bytes()[0], &token[1..]),
    ] {
        serving.request("GET", &path, &[]).refuses(404);
        serving.request("HEAD", &path, &[]).refuses(404);
    }
    let other = Serving::new(&place, &[]);
    assert_ne!((serving.port, token), (other.port, &other.token));
    serving
        .request("GET", &format!("/{}/", other.token), &[])
        .refuses(404);
    serving.get("").page();
    other.get("").page();
}

#[test]
fn other_sites_are_refused() {
    let place = sized(&[]);
    let serving = Serving::new(&place, &[]);
    let (port, token) = (serving.port, &serving.token);
    let with_host = |hosts: &str| {
        let request = format!("GET /{token}/ HTTP/1.1\r\n{hosts}\r\n");
        serving.ask(request.as_bytes()).unwrap()
    };
    with_host(&format!("Host: 127.0.0.1:{port}\r\n")).page();
    with_host(&format!("Host: localhost:{port}\r\n")).page();
    for hosts in [
        String::new(),
        "Host: \r\n".to_owned(),
        "Host: 127.0.0.1\r\n".to_owned(),
        format!("Host: evil.example:{port}\r\n"),
        format!("Host: 127.0.0.1.evil.example:{port}\r\n"),
        format!("Host: 0.0.0.0:{port}\r\n"),
        format!("Host: 127.0.0.1:{}\r\n", port ^ 1),
        format!("Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n"),
    ] {
        with_host(&hosts).refuses(403);
    }
    let path = format!("/{token}/content");
    let origin = |origin: &str| serving.request("GET", &path, &[&format!("Origin: {origin}")]);
    assert_eq!(origin(&format!("http://127.0.0.1:{port}")).status, 200);
    for elsewhere in [
        "http://evil.example".to_owned(),
        "null".to_owned(),
        format!("http://127.0.0.1:{}", port ^ 1),
        format!("https://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{port}.evil.example"),
    ] {
        origin(&elsewhere).refuses(403);
    }
    let absolute = format!("http://evil.example/{token}/");
    serving.request("GET", &absolute, &[]).refuses(403);
}

#[test]
fn nothing_but_reading_is_understood() {
    let place = sized(&[]);
    let before = everything(&place);
    let serving = Serving::new(&place, &[]);
    let path = format!("/{}/", serving.token);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "WHAT"] {
        let reply = serving.request(method, &path, &[]);
        reply.refuses(405);
        assert_eq!(reply.header("allow"), Some("get, head"));
    }
    let whole = serving.get("");
    let head = serving.request("HEAD", &path, &[]);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(
        head.header("content-length"),
        whole.header("content-length")
    );
    head.has_headers();
    for body in [
        "Content-Length: 4\r\n\r\nbody",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0",
    ] {
        serving.request("GET", &path, &[body]).refuses(413);
    }
    // One request for each connection.
    let host = format!("Host: 127.0.0.1:{}", serving.port);
    let twice = format!("GET {path} HTTP/1.1\r\n{host}\r\n\r\n").repeat(2);
    let reply = serving.ask(twice.as_bytes()).unwrap();
    assert_eq!(reply.body, whole.body);
    assert_eq!(reply.header("connection"), Some("close"));
    assert_same(&everything(&place), &before);
}

#[test]
fn nonsense_stops_nobody_else() {
    let place = sized(&[]);
    let serving = Serving::new(&place, &[]);
    let mut waiting = serving.connect();
    let path = format!("/{}/", serving.token);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n",
        serving.port
    );
    waiting.write_all(request.as_bytes()).unwrap();
    let long = "x".repeat(100_000);
    let headers = "X: x\r\n".repeat(1000);
    for nonsense in [
        b"\0\xff\xfe\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        format!("GET /{long} HTTP/1.1\r\n\r\n").into_bytes(),
        format!("{request}X: {long}\r\n\r\n").into_bytes(),
        format!("{request}{headers}\r\n").into_bytes(),
        format!("{request}Content-Length: 1\r\nContent-Length: 2\r\n\r\n").into_bytes(),
    ] {
        let shown = String::from_utf8_lossy(&nonsense[..nonsense.len().min(60)]).into_owned();
        let reply = serving.ask(&nonsense);
        let is_refused = reply
            .as_ref()
            .is_none_or(|reply| (400..=431).contains(&reply.status) && reply.body.is_empty());
        assert!(is_refused, "{shown:?}: {reply:#?}");
        serving.get("").page();
    }
    drop(serving.connect());
    // Who was slower is served all the same.
    waiting.write_all(b"\r\n").unwrap();
    Reply::read(&mut waiting).unwrap().page();
}

#[test]
fn clients_that_hang_are_given_up() {
    let place = sized(&[]);
    let serving = Serving::new(&place, &[]);
    let hanging: Vec<TcpStream> = (0..MANY)
        .map(|number| {
            let mut stream = serving.connect();
            if number % 2 == 0 {
                stream.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
            }
            stream
        })
        .collect();
    serving.get("").page();
    let first = hanging.into_iter().next();
    let reply = first.and_then(|mut stream| Reply::read(&mut stream));
    assert!(reply.is_none_or(|reply| reply.status == 408));
}

#[test]
fn a_loop_is_watched_while_it_runs() {
    let place = sized(&[]);
    let gate = Gate::new(&place, "echo short > t; echo cut");
    let serving = Serving::new(&place, &[]);
    let quiet = serving.get(&below());
    let (version, main) = quiet.page();
    assert!(!main.contains("running"), "{main}");
    gate.close();
    let arguments = ["run", "--max-experiments", "1", "--agent-command"];
    let run = start(&place, &[&arguments[..], &[&gate.command()]].concat());
    gate.wait();
    let running = serving.wait_for(&below(), version, "running");
    gate.open();
    finish(run).succeeds();
    let version = running.header("x-version").unwrap();
    wait_until("the try is there and the loop has ended", || {
        std::thread::sleep(PAUSE);
        let now = serving.get(&format!("{}content?since={version}", below()));
        now.body.contains("id=\"try-1\"") && !now.body.contains("running")
    });
}

#[test]
fn a_record_that_cannot_be_read_is_told_until_it_can_be() {
    let place = sized(&[]);
    let journal = place.project().join(DIRECTORY).join("journal.jsonl");
    let away = place.outside("journal.jsonl");
    std::fs::rename(&journal, &away).unwrap();
    std::fs::create_dir(&journal).unwrap();
    let serving = Serving::new(&place, &[]);
    for path in [below(), format!("{}content", below())] {
        let reply = serving.get(&path);
        assert_eq!(reply.status, 500, "{reply:#?}");
        assert!(reply.body.contains("journal.jsonl"), "{reply:#?}");
        assert_eq!(
            reply.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        reply.has_headers();
    }
    assert!(serving.get("").page().1.contains("journal.jsonl"));
    std::fs::remove_dir(&journal).unwrap();
    std::fs::rename(&away, &journal).unwrap();
    wait_until("it can be read", || {
        std::thread::sleep(PAUSE);
        serving.get(&below()).status == 200
    });
}

#[test]
fn a_signal_ends_it_and_the_port_is_free() {
    let place = sized(&[]);
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let serving = Serving::new(&place, &[]);
        let port = serving.port;
        serving.get("").page();
        let _hanging = serving.connect();
        let outcome = serving.end(signal);
        assert!(outcome.stderr.contains("Ctrl-C"), "{outcome:#?}");
        assert_eq!(outcome.succeeds(), "");
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        let again = Serving::new(&place, &["--port", &port.to_string()]);
        assert_eq!(again.port, port);
    }
}

#[test]
fn it_listens_on_this_machine_only() {
    let place = Place::new(&[]);
    let serving = Serving::new(&place, &["--quiet"]);
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{:04X}", serving.port);
    let listening: Vec<&str> = table
        .lines()
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            (columns[3] == "0A" && columns[1].ends_with(&port)).then(|| columns[1])
        })
        .collect();
    assert_eq!(listening.len(), 1, "{table}");
    assert!(
        listening[0].starts_with(&format!("{:08X}:", u32::from_ne_bytes([127, 0, 0, 1]))),
        "{listening:?}"
    );
    assert!(
        !std::fs::read_to_string("/proc/net/tcp6").is_ok_and(|table| {
            table
                .lines()
                .any(|line| line.contains(&format!("{port} ")) && line.contains(" 0A "))
        })
    );
    let outcome = serving.end(libc::SIGTERM);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
}

#[test]
fn what_cannot_be_served_is_told() {
    let place = sized(&[]);
    let before = everything(&place);
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let serve = |options: &[&str]| place.run(&[&["results", "--serve"], options].concat());
    serve(&["--port", &port]).fails(1, &format!("port `{port}` is taken"));
    serve(&["-x", "custom/no"]).fails(3, "no experiment `custom/no`");
    serve(&["--domain", "no"]).fails(3, "domain `no`");
    for wrong in [
        &["--format", "html"][..],
        &["--output", "page.html"],
        &["--follow"],
        &["--json"],
        &["--port", "65536"],
        &["-x", "nothing"],
        &["-x", ID, "--domain", "custom"],
    ] {
        assert_eq!(serve(wrong).code, 2, "{wrong:?}");
    }
    assert_eq!(place.run(&["results", "--port", "1"]).code, 2);
    Place::bare("x")
        .run(&["results", "--serve"])
        .fails(4, "git");
    assert_same(&everything(&place), &before);
}
