use super::super::testing::{HOSTILE, baseline, tried};
use super::super::{Best, Status};
use super::*;
use crate::journal::{AgentUse, Item};

const MADE: &str = "2026-01-02T03:04:05.000Z";

/// An experiment with these tries.
struct Given {
    progress: Progress,
    curve: Curve,
    rows: Vec<PageRow>,
}

impl Given {
    fn new(tries: impl IntoIterator<Item = Tried>) -> Self {
        let mut progress = Progress::default();
        let mut curve = Curve::default();
        let mut rows = Vec::new();
        let tries = tries.into_iter().map(Item::Tried);
        for item in std::iter::once(baseline(10.0)).chain(tries) {
            progress.add(&item);
            curve.add(&item);
            if let Item::Tried(tried) = item {
                rows.push(PageRow {
                    tried,
                    entry: None,
                    diff: None,
                });
            }
        }
        Self {
            progress,
            curve,
            rows,
        }
    }

    fn page(&self) -> ExperimentPage<'_> {
        ExperimentPage {
            id: "speed/search",
            activity: Activity::Done,
            progress: &self.progress,
            curve: &self.curve,
            rows: &self.rows,
            left_out: 0,
            damages: &[],
            made: MADE,
            live: false,
        }
    }
}

fn listed(domain: &str, name: &str) -> Listed {
    Listed {
        domain: domain.into(),
        name: name.into(),
        activity: Activity::Paused,
        progress: Given::new([tried(1, Status::Keep, Some(8.0))]).progress,
        course: vec![(0, 10.0), (1, 8.0)],
        problem: None,
    }
}

fn dashboard_of(experiments: &[Listed], live: bool) -> String {
    dashboard(&DashboardPage {
        title: "all",
        experiments,
        made: MADE,
        live,
    })
}

/// None of what the hostile text is made of has come through.
#[track_caller]
fn assert_harmless(html: &str) {
    // The page's own script comes before its body.
    let (_, body) = html.split_once("<body>").unwrap();
    assert!(
        body.contains("a b c|d&lt;script&gt;alert(1)&lt;/script&gt;evil,&quot;q&quot;"),
        "{body}"
    );
    for wrong in [
        "<script",
        "\u{1b}",
        "\u{202e}",
        "\u{200b}",
        "javascript:",
        "\t",
    ] {
        assert!(!body.contains(wrong), "{wrong:?}");
    }
}

#[test]
fn hostile_text_is_shown_and_does_nothing() {
    let mut one = tried(1, Status::Discard, Some(11.0));
    one.description = HOSTILE.into();
    one.reason = HOSTILE.into();
    one.commit = HOSTILE.into();
    one.parent = HOSTILE.into();
    one.time = HOSTILE.into();
    one.failed_guard = Some(HOSTILE.into());
    one.agent = Some(AgentUse {
        name: HOSTILE.into(),
        model: Some(HOSTILE.into()),
        ..AgentUse::default()
    });
    let mut given = Given::new([one]);
    given.progress.metric = HOSTILE.into();
    given.progress.unit = HOSTILE.into();
    given.progress.started = Some(HOSTILE.into());
    given.progress.evaluator = Some((HOSTILE.into(), HOSTILE.into()));
    given.progress.best = Some(Best {
        n: 1,
        commit: HOSTILE.into(),
        value: 1.0,
    });
    given.rows[0].diff = Some(format!(
        "diff --git {HOSTILE}\n@@ {HOSTILE}\n+{HOSTILE}\n-{HOSTILE}\n"
    ));
    let damages = [Damage {
        line: 3,
        what: HOSTILE.into(),
    }];
    assert_harmless(&experiment(&ExperimentPage {
        id: HOSTILE,
        damages: &damages,
        made: HOSTILE,
        ..given.page()
    }));
    let mut other = listed(HOSTILE, HOSTILE);
    other.progress = given.progress;
    other.problem = Some(HOSTILE.into());
    for live in [false, true] {
        assert_harmless(&dashboard_of(&[other.clone()], live));
    }
}

#[test]
fn hostile_evidence_is_shown_and_does_nothing() {
    let quoted = serde_json::to_string(HOSTILE).unwrap();
    let entry = format!(
        r#"{{"n":1,"verdict":"discard","reason":{quoted},"value":1.0,"incumbent_value":2.0,"seconds":1.0,"sandbox":{quoted},
        "measurements":[{{"metric":{quoted},"samples":[1.0,2.0]}}],
        "evidence":{{"rounds":[{{"incumbent":1.0,"candidate":1e308}}],"confirming":1,"alpha":0.01,"e_value":3.0,"estimate":1.0,"interval":[null,1.0],"round_seconds":1.0}},
        "diagnostics":[{{"severity":"warning","message":{quoted}}}],
        "guards":[{{"name":{quoted},"sha256":"","meaning":"","measurements":[{{"metric":{quoted},"samples":[1.0]}}],"seconds":1.0,"failed":{quoted}}}]}}"#
    );
    let mut given = Given::new([tried(1, Status::Discard, Some(11.0))]);
    given.rows[0].entry = Some(Entry {
        taken_up: MADE.into(),
        candidate: serde_json::from_str(&format!(
            r#"{{"n":1,"commit":"","parent":"","description":{quoted}}}"#
        ))
        .unwrap(),
        judged: Some((MADE.into(), serde_json::from_str(&entry).unwrap())),
    });
    let html = experiment(&given.page());
    assert_harmless(&html);
    for shown in [
        "e-value",
        "remark: a b",
        "Guard a b",
        "sandbox",
        "round 1: ",
        "95% sure: less than",
    ] {
        assert!(html.contains(shown), "{shown}");
    }
}

#[test]
fn the_policy_allows_the_page_itself_and_nothing_else() {
    let given = Given::new([]);
    let html = experiment(&given.page());
    let policy = |html: &str| {
        let (_, rest) = html
            .split_once("http-equiv=\"content-security-policy\" content=\"")
            .unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let still = policy(&html);
    for open in ["unsafe", "*", "http", "'self'", "blob:"] {
        assert!(!still.contains(open), "{still}");
    }
    for closed in [
        "default-src 'none'",
        "connect-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ] {
        assert!(still.contains(closed), "{still}");
    }
    let live = policy(&experiment(&ExperimentPage {
        live: true,
        ..given.page()
    }));
    assert_eq!(
        live,
        still.replace("connect-src 'none'", "connect-src 'self'")
    );
    // Its digests are of what stands there, and nothing else would be run or applied.
    let between =
        |start: &str, end: &str| html.split_once(start).unwrap().1.split_once(end).unwrap().0;
    for (start, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let digest = STANDARD.encode(Sha256::digest(between(start, end)));
        assert!(still.contains(&digest), "{start}");
        assert_eq!(html.matches(start).count(), 1);
    }
    for inline in [" style=", " onclick=", " src="] {
        assert!(
            !html.split_once("<body>").unwrap().1.contains(inline),
            "{inline}"
        );
    }
}

#[test]
fn the_head_tells_from_where_to_where() {
    let mut unknown = tried(3, Status::Discard, Some(9.0));
    unknown.agent.as_mut().unwrap().cost_usd = None;
    let given = Given::new([
        tried(1, Status::Keep, Some(8.0)),
        tried(2, Status::Crash, None),
        unknown,
    ]);
    let html = experiment_content(&given.page());
    for shown in [
        "<strong>p50_ms</strong> in ms, lower is better, by benchmark_speed 0.1.0",
        "<strong>-20.0%, 95% interval -20.0% to -5.0%</strong> <span class=\"from\">8 ms when kept, 10 ms at the start</span>",
        "best: <a href=\"#try-1\">try 1</a>, commit <code>0000000</code>",
        "at least $0.50",
        "6.0 s",
    ] {
        assert!(html.contains(shown), "{shown}: {html}");
    }
    let empty = Given {
        progress: Progress::default(),
        curve: Curve::default(),
        rows: vec![],
    };
    let html = experiment_content(&empty.page());
    assert!(html.contains("Nothing has been measured yet."), "{html}");
    assert!(!html.contains("<table"), "{html}");
}

#[test]
fn an_interval_of_the_improvement_is_shown_as_one_of_the_value() {
    // Better by 0.5 to 1.5 than 10, where lower is better.
    let given = Given::new([tried(1, Status::Keep, Some(9.0))]);
    let html = experiment_content(&given.page());
    assert!(html.contains("-15.0% to -5.0%"), "{html}");
    let mut higher = given.progress.clone();
    higher.direction = Some(crate::measure::Direction::Higher);
    let html = experiment_content(&ExperimentPage {
        progress: &higher,
        ..given.page()
    });
    assert!(html.contains("+5.0% to +15.0%"), "{html}");
    let mut one_end = tried(1, Status::Discard, Some(9.0));
    one_end.interval = (None, Some(1.0));
    let html = experiment_content(&Given::new([one_end]).page());
    assert!(html.contains("above -10.0%"), "{html}");
    let mut none = tried(1, Status::Discard, Some(9.0));
    none.interval = (None, None);
    let html = experiment_content(&Given::new([none]).page());
    assert!(html.contains("3 rounds"), "{html}");
}

#[test]
fn rows_are_the_newest_first_and_open_to_their_diff() {
    let mut given = Given::new((1..=3).map(|n| tried(n, Status::Discard, Some(11.0))));
    given.rows[1].diff = Some(
        "diff --git a/t b/t\n--- a/t\n+++ b/t\n@@ -1,2 +1,2 @@\n-a < b\n+a > b\n+\tc\n d\n".into(),
    );
    let html = experiment_content(&given.page());
    let places: Vec<usize> = [3, 2, 1]
        .iter()
        .map(|n| html.find(&format!("id=\"try-{n}\"")).unwrap())
        .collect();
    assert!(places.is_sorted());
    for shown in [
        "<span class=\"file\">diff --git a/t b/t\n--- a/t\n+++ b/t\n</span>",
        "<span class=\"hunk\">@@ -1,2 +1,2 @@\n</span>",
        "<span class=\"del\">-a &lt; b\n</span>",
        "<span class=\"add\">+a &gt; b\n+    c\n</span> d\n</pre>",
        "autoresearch show 2 -x speed/search\n",
        "autoresearch checkout 2 -x speed/search --to ../search-2\n",
        "refs/autoresearch/speed/search/2",
    ] {
        assert!(html.contains(shown), "{shown}: {html}");
    }
    assert_eq!(html.matches("not at hand").count(), 2);
    assert!(!html.contains("leaves out"), "{html}");
    let html = experiment_content(&ExperimentPage {
        left_out: 1234,
        ..given.page()
    });
    assert!(html.contains("leaves out 1234 tries"), "{html}");
}

#[test]
fn a_live_page_leads_there_and_back_and_a_file_does_not() {
    let html = dashboard_of(&[listed("speed", "search"), listed("../x", "y")], true);
    assert_eq!(html.matches("<a href=\"experiment/").count(), 1, "{html}");
    assert!(
        html.contains("<a href=\"experiment/speed/search/\">search</a>"),
        "{html}"
    );
    assert!(
        html.contains("<main data-version=\"\" data-live>"),
        "{html}"
    );
    let html = dashboard_of(&[listed("speed", "search")], false);
    assert!(!html.contains("<a "), "{html}");
    assert!(html.contains("<main data-version=\"\">"), "{html}");
    let given = Given::new([]);
    assert!(!experiment(&given.page()).contains("../"));
    let live = ExperimentPage {
        live: true,
        ..given.page()
    };
    assert!(experiment(&live).contains("<a href=\"../../../\">"));
}

#[test]
fn the_content_is_what_stands_in_the_page() {
    let given = Given::new([tried(1, Status::Keep, Some(8.0))]);
    let html = experiment(&given.page());
    assert!(html.contains(&format!(
        "<main data-version=\"\">{}</main>",
        experiment_content(&given.page())
    )));
}

#[test]
fn a_large_dashboard_stays_small() {
    let mut one = listed("speed", "a-name-of-a-usual-length");
    one.course = (0..5000_u32)
        .map(|n| (u64::from(n), 1.0 / f64::from(n + 1)))
        .collect();
    let many = vec![one; 10_000];
    let html = dashboard_of(&many, true);
    assert!(html.len() < 10_000_000, "{}", html.len());
    assert_eq!(html.matches("class=\"spark\"").count(), 1000);
    assert!(html.contains("for the first 1000 of 10000 experiments"));
}
