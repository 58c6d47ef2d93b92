//! Results as live pages, for browsers on this machine.
//!
//! What stands on a page has a version, which is told from the journals' lengths and times without reading
//! them. Something is being measured meanwhile: however many browsers ask, reading and making pages takes
//! up a small share of the time, and what they show is older then.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::{Args, Context, Place, dashboard, experiment, place};
use crate::activity::{self, Running};
use crate::experiment::Id;
use crate::failure::{Exit, Failure};
use crate::journal;
use crate::project::Project;
use crate::report::{Activity, Listed, Status, page};
use crate::server::{Answer, Server};
use crate::text;

/// How long a page stays as it is, at least.
const PAGE: Duration = Duration::from_secs(3);
/// How long what experiments there are, and whether they changed, counts as known, at least.
const SURVEY: Duration = Duration::from_secs(1);
/// What took a while to make stays as it is for so many times as long.
const REST: u32 = 10;
/// How many pages are kept.
const PAGES: usize = 16;
/// How long a problem may be, in characters.
const PROBLEM: usize = 1000;

pub(super) fn run(context: &Context, project: Project, arguments: &Args) -> anyhow::Result<()> {
    let subject = match (&arguments.experiment, &arguments.domain) {
        (Some(id), _) => Subject::One(place(&project, Some(id))?),
        (None, None) => Subject::All(None),
        (None, Some(domain)) => {
            dashboard::places(&project, Some(domain))?;
            Subject::All(Some(domain.clone()))
        }
    };
    let port = arguments.port.unwrap_or(0);
    let server = Server::bind(port).map_err(|error| cannot_listen(port, &error))?;
    context.watch_signals()?;
    context.ui.data(&server.url());
    context.ui.finish()?;
    context
        .ui
        .info("serving until Ctrl-C; whoever has the address can read the results");
    context.ui.hint(&format!(
        "from another machine, run `ssh -L {0}:127.0.0.1:{0} THIS_MACHINE` there first",
        server.port()
    ));
    let site = Site {
        project,
        subject,
        status: arguments.status,
        limit: arguments.limit.map_or(experiment::PAGE_TRIES, usize::from),
        survey: Mutex::default(),
        pages: Mutex::default(),
        making: Mutex::default(),
    };
    server.run(
        move |path, since| site.answer(path, since),
        || context.cancel.is_cancelled(),
    )?;
    Ok(())
}

fn cannot_listen(port: u16, error: &std::io::Error) -> Failure {
    let (message, hint) = match (port, error.kind()) {
        (0, _) => (
            format!("cannot listen on 127.0.0.1: {error}"),
            "name a port with `--port`",
        ),
        (_, ErrorKind::AddrInUse) => (
            format!("the port `{port}` is taken"),
            "give another to `--port`, or leave it out for one that is free",
        ),
        _ => (
            format!("cannot listen on the port `{port}`: {error}"),
            "give another to `--port`, or leave it out for one that is free",
        ),
    };
    Failure::new(Exit::Failure, message).hint(hint)
}

/// What is served.
enum Subject {
    /// One experiment: its page is the only one.
    One(Place),
    /// Those of a domain, or all: a dashboard, and a page for each.
    All(Option<String>),
}

struct Site {
    project: Project,
    subject: Subject,
    status: Option<Status>,
    limit: usize,
    survey: Mutex<Option<Survey>>,
    pages: Mutex<Pages>,
    /// Held while a page is made, one after the other; and what the dashboard showed last, by experiment.
    making: Mutex<BTreeMap<Id, (Stamp, Listed)>>,
}

/// A page that is asked for.
enum Page {
    Dashboard(Arc<Vec<(Place, Stamp)>>),
    Experiment(Place),
}

impl Site {
    fn answer(&self, path: &str, since: Option<&str>) -> Answer {
        let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
        let is_content = match file {
            "" => false,
            "content" => true,
            _ => return self.without_slash(path),
        };
        let Some(page) = self.page(directory) else {
            return self.without_slash(path);
        };
        let Made {
            version, content, ..
        } = self.made(directory, &page);
        let html = match content {
            Ok(html) => html,
            Err(problem) => return Answer::Failed(problem),
        };
        if !is_content {
            let content = String::from_utf8_lossy(&html);
            return Answer::Document {
                html: page::live_document(&self.title(&page), &version, &content).into(),
                policy: page::live_policy(),
            };
        }
        if since == Some(&version) {
            Answer::Unchanged
        } else {
            Answer::Content { html, version }
        }
    }

    fn without_slash(&self, path: &str) -> Answer {
        match self.page(path) {
            Some(_) if !path.is_empty() => Answer::WithSlash,
            _ => Answer::Absent,
        }
    }

    /// The page of a directory. What is named is looked for among what there is, and never opened.
    fn page(&self, directory: &str) -> Option<Page> {
        match &self.subject {
            Subject::One(place) => directory
                .is_empty()
                .then(|| Page::Experiment(place.clone())),
            Subject::All(_) if directory.is_empty() => Some(Page::Dashboard(self.survey())),
            Subject::All(_) => {
                let id = directory.strip_prefix("experiment/")?;
                let survey = self.survey();
                let (place, _) = survey
                    .iter()
                    .find(|(place, _)| place.id.to_string() == id)?;
                Some(Page::Experiment(place.clone()))
            }
        }
    }

    fn title(&self, page: &Page) -> String {
        match (page, &self.subject) {
            (Page::Experiment(place), _) => place.id.to_string(),
            (Page::Dashboard(_), Subject::All(Some(domain))) => domain.clone(),
            (Page::Dashboard(_), _) => "experiments".to_owned(),
        }
    }

    /// The experiments that there are, and their state, of a moment ago at most.
    fn survey(&self) -> Arc<Vec<(Place, Stamp)>> {
        let mut survey = lock(&self.survey);
        if let Some(survey) = &*survey
            && survey.pace.rests(Instant::now(), SURVEY)
        {
            return Arc::clone(&survey.found);
        }
        let started = Instant::now();
        let domain = match &self.subject {
            Subject::All(domain) => domain.as_deref(),
            Subject::One(_) => None,
        };
        let found: Vec<(Place, Stamp)> = self
            .project
            .ids()
            .into_iter()
            .filter(|(id, _)| domain.is_none_or(|domain| id.domain() == domain))
            .map(|(id, directory)| Place { id, directory })
            .map(|place| {
                let stamp = Stamp::of(&place);
                (place, stamp)
            })
            .collect();
        let found = Arc::new(found);
        *survey = Some(Survey {
            found: Arc::clone(&found),
            pace: Pace::since(started),
        });
        found
    }

    /// What a page shows now, or showed a moment ago.
    fn made(&self, directory: &str, page: &Page) -> Made {
        let version = version(page);
        if let Some(made) = lock(&self.pages).at_hand(directory, &version) {
            return made;
        }
        let mut listed = lock(&self.making);
        // Others who wanted it may have made it meanwhile.
        if let Some(made) = lock(&self.pages).at_hand(directory, &version) {
            return made;
        }
        let started = Instant::now();
        let content = self.content(page, &mut listed);
        let made = Made {
            version,
            content: content
                .map(Bytes::from)
                .map_err(|failure| text::clean_line(&failure.message, PROBLEM)),
            pace: Pace::since(started),
        };
        lock(&self.pages).keep(directory, made.clone());
        made
    }

    fn content(
        &self,
        page: &Page,
        listed: &mut BTreeMap<Id, (Stamp, Listed)>,
    ) -> Result<String, Failure> {
        match page {
            Page::Dashboard(survey) => {
                let all = list(survey, listed);
                Ok(dashboard::content(&self.title(page), &all))
            }
            Page::Experiment(place) => {
                let alone = matches!(self.subject, Subject::One(_));
                experiment::content(&self.project, place, self.status, self.limit, alone)
            }
        }
    }
}

/// What experiments come to; read are the journals that changed since the last time.
fn list(survey: &[(Place, Stamp)], known: &mut BTreeMap<Id, (Stamp, Listed)>) -> Vec<Listed> {
    let is_known = |(place, stamp): &&(Place, Stamp)| {
        known
            .get(&place.id)
            .is_some_and(|(of_then, _)| of_then == stamp)
    };
    let changed: Vec<&(Place, Stamp)> = survey.iter().filter(|one| !is_known(one)).collect();
    let places: Vec<Place> = changed.iter().map(|(place, _)| place.clone()).collect();
    for ((place, stamp), listed) in changed.into_iter().zip(dashboard::read(&places)) {
        known.insert(place.id.clone(), (*stamp, listed));
    }
    let mut before = std::mem::take(known);
    for (place, _) in survey {
        if let Some((id, one)) = before.remove_entry(&place.id) {
            known.insert(id, one);
        }
    }
    survey
        .iter()
        .filter_map(|(place, _)| known.get(&place.id))
        .map(|(_, listed)| listed.clone())
        .collect()
}

/// What an experiment's results change with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Stamp {
    /// Its file, length and time.
    journal: Option<(u64, u64, SystemTime)>,
    activity: &'static str,
}

impl Stamp {
    fn of(place: &Place) -> Self {
        let journal = journal::path(&place.directory).metadata().ok();
        let journal =
            journal.and_then(|file| Some((file.ino(), file.len(), file.modified().ok()?)));
        let running = activity::running(&place.directory) != Running::No;
        let written = journal.map(|(_, _, time)| time);
        Self {
            journal,
            activity: Activity::of(running, written, SystemTime::now()).word(),
        }
    }
}

fn version(page: &Page) -> String {
    let mut hasher = DefaultHasher::new();
    match page {
        Page::Experiment(place) => Stamp::of(place).hash(&mut hasher),
        Page::Dashboard(survey) => {
            for (place, stamp) in survey.iter() {
                (place.id.to_string(), stamp).hash(&mut hasher);
            }
        }
    }
    format!("{:016x}", hasher.finish())
}

struct Survey {
    found: Arc<Vec<(Place, Stamp)>>,
    pace: Pace,
}

/// A page as it was made.
#[derive(Debug, Clone)]
struct Made {
    version: String,
    /// Or why it cannot be made.
    content: Result<Bytes, String>,
    pace: Pace,
}

/// The pages that were asked for last, by directory.
#[derive(Debug, Default)]
struct Pages {
    made: BTreeMap<String, (Made, u64)>,
    asked: u64,
}

impl Pages {
    /// A page of this version, or of another where it rests.
    fn at_hand(&mut self, directory: &str, version: &str) -> Option<Made> {
        let (made, asked) = self.made.get_mut(directory)?;
        let is_fit = made.version == version || made.pace.rests(Instant::now(), PAGE);
        self.asked += 1;
        *asked = self.asked;
        is_fit.then(|| made.clone())
    }

    fn keep(&mut self, directory: &str, made: Made) {
        self.asked += 1;
        self.made.insert(directory.to_owned(), (made, self.asked));
        if self.made.len() > PAGES {
            let oldest = self.made.iter().min_by_key(|(_, (_, asked))| *asked);
            if let Some(oldest) = oldest.map(|(directory, _)| directory.clone()) {
                self.made.remove(&oldest);
            }
        }
    }
}

/// When something was made, and how long that took.
#[derive(Debug, Clone, Copy)]
struct Pace {
    ended: Instant,
    took: Duration,
}

impl Pace {
    fn since(started: Instant) -> Self {
        let ended = Instant::now();
        Self {
            ended,
            took: ended.duration_since(started),
        }
    }

    /// Whether it is not to be made again yet.
    fn rests(self, now: Instant, least: Duration) -> bool {
        let rest = least.max(self.took.saturating_mul(REST));
        now.saturating_duration_since(self.ended) < rest
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(version: &str, pace: Pace) -> Made {
        Made {
            version: version.to_owned(),
            content: Ok(Bytes::new()),
            pace,
        }
    }

    fn fresh() -> Pace {
        Pace::since(Instant::now())
    }

    /// What took long, long ago.
    fn rested() -> Option<Pace> {
        let ended = Instant::now().checked_sub(PAGE)?;
        Some(Pace {
            ended,
            took: Duration::ZERO,
        })
    }

    #[test]
    fn what_took_long_rests_long() {
        let ended = Instant::now();
        for (took, least, rest) in [(0, 3, 3), (1, 30, 30), (2, 3, 20), (60, 3, 600)] {
            let pace = Pace {
                ended,
                took: Duration::from_secs(took),
            };
            let least = Duration::from_secs(least);
            let almost = ended + Duration::from_millis(rest * 1000 - 1);
            assert!(pace.rests(ended, least));
            assert!(pace.rests(almost, least));
            let end = ended + Duration::from_secs(rest);
            assert!(!pace.rests(end, least), "{took} {least:?}");
        }
    }

    #[test]
    fn a_page_is_made_again_when_it_changed_and_has_rested() {
        let Some(rested) = rested() else { return };
        let mut pages = Pages::default();
        assert!(pages.at_hand("", "1").is_none());
        pages.keep("", made("1", fresh()));
        assert_eq!(pages.at_hand("", "2").unwrap().version, "1");
        pages.keep("", made("1", rested));
        assert_eq!(pages.at_hand("", "1").unwrap().version, "1");
        assert!(pages.at_hand("", "2").is_none());
        assert!(pages.at_hand("other", "1").is_none());
    }

    #[test]
    fn pages_that_nobody_asks_for_are_forgotten() {
        let mut pages = Pages::default();
        for number in 0..100 {
            pages.keep(&number.to_string(), made("1", fresh()));
            assert!(pages.at_hand("0", "1").is_some());
        }
        assert_eq!(pages.made.len(), PAGES);
        assert!(pages.at_hand("99", "1").is_some());
        assert!(pages.at_hand("50", "1").is_none());
    }

    #[test]
    fn a_version_changes_with_what_is_recorded_and_with_who_runs_it() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place {
            id: Id::new("custom", "x").unwrap(),
            directory: directory.path().to_owned(),
        };
        let page = || Page::Experiment(place.clone());
        let mut seen = vec![version(&page())];
        let mut is_new = |what: &str| {
            let now = version(&page());
            assert_eq!(now, version(&page()), "{what}");
            assert!(!seen.contains(&now), "{what}");
            seen.push(now);
        };
        let journal = journal::path(directory.path());
        std::fs::write(&journal, "").unwrap();
        is_new("a journal");
        std::fs::write(&journal, "one\n").unwrap();
        is_new("a longer one");
        let file = std::fs::File::options().write(true).open(&journal).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_mins(10))
            .unwrap();
        is_new("another time");
        file.set_modified(SystemTime::now() - Duration::from_hours(2))
            .unwrap();
        is_new("nothing for long");
        let _lock = crate::lock::Lock::take(&directory.path().join("lock")).unwrap();
        is_new("it is run");
    }

    #[test]
    fn journals_are_read_again_only_where_they_changed() {
        let root = tempfile::tempdir().unwrap();
        let place = |name: &str| {
            let directory = root.path().join(name);
            std::fs::create_dir_all(&directory).unwrap();
            Place {
                id: Id::new("custom", name).unwrap(),
                directory,
            }
        };
        let survey = |names: &[&str]| -> Vec<(Place, Stamp)> {
            let places = names.iter().map(|name| place(name));
            places
                .map(|place| {
                    let stamp = Stamp::of(&place);
                    (place, stamp)
                })
                .collect()
        };
        let mut known = BTreeMap::new();
        let names = |listed: &[Listed]| -> Vec<String> {
            listed.iter().map(|listed| listed.name.clone()).collect()
        };
        let all = list(&survey(&["b", "a"]), &mut known);
        assert_eq!(names(&all), ["b", "a"]);
        // What was read is told by what cannot be in the journal.
        for (_, listed) in known.values_mut() {
            listed.problem = Some("known".to_owned());
        }
        std::fs::write(journal::path(&place("a").directory), "\n").unwrap();
        let all = list(&survey(&["c", "b", "a"]), &mut known);
        let problems: Vec<bool> = all.iter().map(|one| one.problem.is_some()).collect();
        assert_eq!(names(&all), ["c", "b", "a"]);
        assert_eq!(problems, [false, true, false]);
        assert_eq!(names(&list(&survey(&["a"]), &mut known)), ["a"]);
        assert_eq!(known.len(), 1);
    }
}
