//! The programs that the tests need and that Rust and git do not bring, and how to install them.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Once;

/// A command that works where a program is there, and the packages that it comes from.
struct Needed {
    name: &'static str,
    probe: &'static [&'static str],
    /// Debian's, Fedora's, Arch's and Homebrew's.
    packages: [&'static str; 4],
}

const NEEDED: &[Needed] = &[
    Needed {
        name: "git",
        probe: &["git", "--version"],
        packages: ["git"; 4],
    },
    Needed {
        name: "bubblewrap",
        probe: &["bwrap", "--version"],
        packages: ["bubblewrap"; 4],
    },
    Needed {
        name: "python3 with venv",
        probe: &["python3", "-c", "import venv, ensurepip"],
        packages: ["python3-venv", "python3", "python", "python"],
    },
    Needed {
        name: "node",
        probe: &["node", "--version"],
        packages: ["nodejs", "nodejs", "nodejs", "node"],
    },
    Needed {
        name: "npm",
        probe: &["npm", "--version"],
        packages: ["npm", "nodejs-npm", "npm", "node"],
    },
    Needed {
        name: "a C compiler",
        probe: &["cc", "--version"],
        packages: ["gcc", "gcc", "gcc", "gcc"],
    },
];
const INSTALLERS: [&str; 4] = ["apt install", "dnf install", "pacman -S", "brew install"];

/// Ends the whole run of the tests where a program is missing: once and with what to do, and not test by
/// test.
pub fn require() {
    static CHECKED: Once = Once::new();
    CHECKED.call_once(|| {
        let missing: Vec<&Needed> = NEEDED.iter().filter(|needed| !works(needed)).collect();
        if missing.is_empty() {
            return;
        }
        let names: Vec<&str> = missing.iter().map(|needed| needed.name).collect();
        let ways: Vec<String> = (0..INSTALLERS.len())
            .map(|system| {
                let packages = missing.iter().map(|needed| needed.packages[system]);
                let mut packages: Vec<&str> = packages.collect();
                packages.dedup();
                format!("`{} {}`", INSTALLERS[system], packages.join(" "))
            })
            .collect();
        // Not by a macro, whose output the test harness keeps.
        let _ = writeln!(
            std::io::stderr(),
            "\nerror: the tests need {}, which this machine lacks: {}",
            names.join(", "),
            ways.join(", ")
        );
        std::process::exit(1);
    });
}

fn works(needed: &Needed) -> bool {
    Command::new(needed.probe[0])
        .args(&needed.probe[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
