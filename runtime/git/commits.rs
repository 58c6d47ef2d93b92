//! Commits that are named by the start of their ids, many at once.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use super::call::{failed, git, run_with_input};
use super::{CommitId, GitError, Repository};

/// A commit that is in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub id: CommitId,
    /// When it was committed, as it says itself.
    pub time: SystemTime,
}

impl Repository {
    /// Which of `names`, one a line and the start of an id each, are one commit's here. Of those that
    /// are, the ones first in `names` come first.
    pub fn known_commits(&self, names: &str) -> Result<Commits, GitError> {
        let mut input = String::with_capacity(names.len() * 3);
        for name in names.lines() {
            input.push_str(name);
            // A tag is not meant.
            input.push_str("^{commit}\n");
        }
        let output = self.ask(
            "cat-file",
            &["cat-file", "--buffer", "--batch-check=%(objectname)"],
            &input,
        )?;
        let answers = String::from_utf8_lossy(&output);
        let mut ids: HashMap<&str, &str> = HashMap::new();
        let mut wanted = String::new();
        for (name, answer) in names.lines().zip(answers.lines()) {
            // Others are `... missing`; and a branch may have such a name.
            if !answer.contains(' ')
                && answer.starts_with(name)
                && ids.insert(name, answer).is_none()
            {
                wanted.push_str(answer);
                wanted.push('\n');
            }
        }
        let times = self.times(&wanted)?;
        let first = wanted.lines().find_map(|id| times.get(id).copied());
        let by_name = ids
            .into_iter()
            .filter_map(|(name, id)| {
                let time = *times.get(id)?;
                let id = id.to_owned();
                Some((name.to_owned(), Known { id, time }))
            })
            .collect();
        Ok(Commits { by_name, first })
    }

    /// When each of these commits was made, by its id.
    fn times(&self, ids: &str) -> Result<HashMap<String, SystemTime>, GitError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let output = self.ask(
            "rev-list",
            &["rev-list", "--no-walk=unsorted", "--format=%ct", "--stdin"],
            ids,
        )?;
        let text = String::from_utf8_lossy(&output);
        let mut times = HashMap::new();
        let mut lines = text.lines();
        while let (Some(commit), Some(seconds)) = (lines.next(), lines.next()) {
            let since = seconds.parse().map(Duration::from_secs).unwrap_or_default();
            let time = SystemTime::UNIX_EPOCH.checked_add(since);
            times.insert(
                commit.trim_start_matches("commit ").to_owned(),
                time.unwrap_or(SystemTime::UNIX_EPOCH),
            );
        }
        Ok(times)
    }

    fn ask(
        &self,
        what: &'static str,
        arguments: &[&str],
        input: &str,
    ) -> Result<Vec<u8>, GitError> {
        let output = run_with_input(
            git(&[])
                .arg("-C")
                .arg(&self.top)
                .args(["-c", "core.warnAmbiguousRefs=false"])
                .args(arguments)
                // What a partial clone does not have is not to be fetched.
                .env("GIT_NO_LAZY_FETCH", "1"),
            input.as_bytes(),
        )?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(failed(what, &output))
        }
    }
}

/// Commits by the names that were asked for.
#[derive(Debug, Default)]
pub struct Commits {
    by_name: HashMap<String, Known>,
    /// When the first of them that is here was made.
    pub first: Option<SystemTime>,
}

impl Commits {
    /// The commit of a name, where there is one and it is in the repository.
    pub fn get(&self, name: Option<&str>) -> Option<&Known> {
        self.by_name.get(name?)
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

#[cfg(test)]
impl Commits {
    /// These, by name, id and time.
    pub fn of<'a>(known: impl IntoIterator<Item = (&'a str, &'a str, SystemTime)>) -> Self {
        let mut commits = Self::default();
        for (name, id, time) in known {
            commits.first = commits.first.or(Some(time));
            let id = id.to_owned();
            commits.by_name.insert(name.to_owned(), Known { id, time });
        }
        commits
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Place, write};

    #[test]
    fn commits_are_found_by_the_start_of_their_ids() {
        for format in ["sha1", "sha256"] {
            let place = Place::with_format(format, &[("t", "1")]);
            write(&place.top(), "t", "2");
            place.git(&["commit", "--quiet", "--all", "--message=second"]);
            let repository = place.repository();
            let ids = ["HEAD", "HEAD^"].map(|name| place.git(&["rev-parse", name]));
            let tree = place.git(&["rev-parse", "HEAD^{tree}"]);
            let branch = "abcdef0";
            place.git(&["branch", branch]);
            let names = format!(
                "{}\n{}\n{}\n{}\n{branch}\n{}\n",
                &ids[1][..7],
                ids[0],
                &ids[1][..7],
                &tree[..12],
                "0".repeat(40)
            );
            let commits = repository.known_commits(&names).unwrap();
            assert_eq!(commits.get(Some(&ids[1][..7])).unwrap().id, ids[1]);
            assert_eq!(commits.get(Some(&ids[0])).unwrap().id, ids[0]);
            assert_eq!(commits.by_name.len(), 2);
            assert_eq!(
                commits.first,
                Some(commits.get(Some(&ids[1][..7])).unwrap().time)
            );
            assert!(repository.known_commits("").unwrap().is_empty());
            assert!(repository.has_commit(&ids[0]).unwrap());
            for gone in ["0".repeat(40), "1".repeat(40), tree] {
                assert!(!repository.has_commit(&gone).unwrap(), "{gone}");
            }
        }
    }
}
