use super::*;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const ONE: &str = "<testsuite><testcase/></testsuite>";
const FAILED: &str = "<testsuite><testcase><failure/></testcase></testsuite>";

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_pass_rate-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Sets a file's time to an hour ago and some seconds more.
    fn age(&self, path: &str, seconds: u64) {
        let time = SystemTime::now() - Duration::from_secs(3600 + seconds);
        let file = fs::File::options()
            .write(true)
            .open(self.0.join(path))
            .unwrap();
        file.set_modified(time).unwrap();
    }

    fn names(&self, pattern: &str) -> Vec<String> {
        let files = Pattern::new(pattern).unwrap().files(&self.0).unwrap();
        let mut names: Vec<String> = files
            .iter()
            .map(|(.., path)| path.to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    fn before(&self, pattern: &str) -> Files {
        Pattern::new(pattern).unwrap().files(&self.0).unwrap()
    }

    fn read(&self, pattern: &str, before: &Files) -> Result<Reading, String> {
        Pattern::new(pattern).unwrap().read(&self.0, before, None)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_report_that_is_written_is_read() {
    let folder = Folder::new();
    let before = folder.before("out/report.xml");
    folder.file("out/report.xml", ONE);
    assert_eq!(
        folder
            .read("out/report.xml", &before)
            .unwrap()
            .counts
            .passed,
        1
    );
    assert_eq!(
        folder
            .read("./out//report.xml", &before)
            .unwrap()
            .counts
            .passed,
        1
    );
}

#[test]
fn a_report_that_is_missing_or_left_is_refused() {
    let folder = Folder::new();
    let error = folder.read("report.xml", &Files::new()).unwrap_err();
    assert_eq!(error, "it did not write the report `report.xml`");
    folder.file("report.xml", ONE);
    folder.age("report.xml", 0);
    let before = folder.before("report.xml");
    let error = folder.read("report.xml", &before).unwrap_err();
    assert!(error.contains("left from before"), "{error}");
    // The same bytes, written again; another length at the same time.
    folder.age("report.xml", 60);
    assert!(folder.read("report.xml", &before).is_ok());
    let before = folder.before("report.xml");
    let time = fs::metadata(folder.0.join("report.xml"))
        .unwrap()
        .modified()
        .unwrap();
    folder.file("report.xml", FAILED);
    let file = fs::File::options()
        .write(true)
        .open(folder.0.join("report.xml"))
        .unwrap();
    file.set_modified(time).unwrap();
    assert_eq!(folder.read("report.xml", &before).unwrap().counts.failed, 1);
}

#[test]
fn of_several_files_those_that_are_left_do_not_count() {
    let folder = Folder::new();
    folder.file("reports/a.xml", FAILED);
    folder.age("reports/a.xml", 0);
    let before = folder.before("reports");
    folder.file("reports/b.xml", ONE);
    folder.file("reports/deep/c.xml", ONE);
    folder.file("reports/notes.txt", "none");
    let reading = folder.read("reports", &before).unwrap();
    assert_eq!((reading.counts.passed, reading.counts.failed), (2, 0));
    assert_eq!(
        reading.notes,
        ["1 of 3 files of the report are left from before, and do not count"]
    );
}

#[test]
fn patterns_stand_for_files() {
    let folder = Folder::new();
    for path in [
        "a.xml",
        "m/target/TEST-a.xml",
        "m/target/TEST-b.xml",
        "m/n/target/TEST-c.xml",
        "m/target/x.txt",
    ] {
        folder.file(path, ONE);
    }
    folder.file(".git/TEST-d.xml", ONE);
    assert_eq!(folder.names("a.xml"), ["a.xml"]);
    assert_eq!(folder.names("*.xml"), ["a.xml"]);
    assert_eq!(
        folder.names("m/target/TEST-?.xml"),
        ["m/target/TEST-a.xml", "m/target/TEST-b.xml"]
    );
    let deep = [
        "m/n/target/TEST-c.xml",
        "m/target/TEST-a.xml",
        "m/target/TEST-b.xml",
    ];
    assert_eq!(folder.names("**/target/TEST-*.xml"), deep);
    assert_eq!(folder.names("m/**/TEST-*.xml"), deep);
    assert_eq!(folder.names("m"), deep);
    assert_eq!(folder.names("./a.xml"), ["a.xml"]);
    assert_eq!(folder.names("gone/*.xml"), [""; 0]);
    assert_eq!(folder.names("a.xml/b.xml"), [""; 0]);
}

#[test]
fn names_are_like_patterns() {
    for (name, pattern, is) in [
        ("abc", "*", true),
        ("abc", "a*c", true),
        ("abc", "a?c", true),
        ("abc", "a*b", false),
        ("abc", "abc*", true),
        ("aXbXc", "*X*c", true),
        ("aXbXd", "*X*c", false),
        ("é", "?", true),
        ("", "*", true),
        ("", "?", false),
        ("ab", "?", false),
    ] {
        assert_eq!(is_like(name, pattern), is, "{name} {pattern}");
    }
    assert!(!is_like(
        &"a".repeat(5000),
        &"*a".repeat(50).replace("*a", "*ab")
    ));
}

#[test]
fn places_elsewhere_are_refused() {
    for path in ["", "/tmp/report.xml", "../report.xml", "a/../../report.xml"] {
        let error = Pattern::new(path).unwrap_err();
        assert!(error.contains("relative path"), "{error}");
    }
}

#[test]
fn two_of_any_directories_are_refused() {
    assert!(Pattern::new("**/a/**/*.xml").unwrap_err().contains("once"));
}

#[test]
fn a_report_that_is_no_report_is_named() {
    let folder = Folder::new();
    folder.file("report.xml", "<testsuite><testcase>");
    let error = folder.read("report.xml", &Files::new()).unwrap_err();
    assert_eq!(error, "the report `report.xml`: its XML is cut off");
    folder.file("report.xml", "");
    assert!(folder.read("report.xml", &Files::new()).is_err());
    folder.file("empty/x", "");
    let error = folder.read("empty", &Files::new()).unwrap_err();
    assert!(error.contains("did not write"), "{error}");
}

#[test]
fn a_report_that_is_too_long_is_refused() {
    let folder = Folder::new();
    folder.file("report.xml", ONE);
    let file = fs::File::options()
        .write(true)
        .open(folder.0.join("report.xml"))
        .unwrap();
    file.set_len(LONGEST + 1).unwrap();
    let error = folder.read("report.xml", &Files::new()).unwrap_err();
    assert!(error.contains("longer than 32 MiB"), "{error}");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_no_report() {
    let folder = Folder::new();
    std::os::unix::fs::symlink(".", folder.0.join("loop")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.0.join("zero.xml")).unwrap();
    folder.file("a.xml", ONE);
    assert_eq!(folder.names("**/*.xml"), ["a.xml"]);
    assert_eq!(folder.names("zero.xml"), [""; 0]);
}
