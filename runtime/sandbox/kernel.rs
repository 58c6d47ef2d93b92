//! What the kernel itself applies to a command: Landlock, seccomp and limits on resources.
//!
//! Made ready by the launcher ([`Confined::new`]), and put into effect by the process that becomes the
//! command ([`Confined::enter`]).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, Scope, path_beneath_rules,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule};
use serde::{Deserialize, Serialize};

use super::rules::{Resources, Rules, Site};

/// What of Landlock is asked for; an older kernel gives what it has.
const LANDLOCK: ABI = ABI::V6;

/// What every command may write.
const WRITABLE_DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
];

/// What no program that a candidate is needs: administration, other processes' keys, and ways around
/// what is refused (a ring of its own makes system calls that no filter sees).
const REFUSED: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_writev,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// Whether the kernel has Landlock, and it is switched on.
pub(super) fn has_landlock() -> bool {
    // SAFETY: with a null pointer and this flag the call only tells the version.
    unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0_usize,
            1_u32,
        ) > 0
    }
}

/// What the launcher is to have the kernel apply.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// Where no other tier sees to files.
    landlock: Option<Files>,
    /// Fewer system calls; and, where no other tier sees to that, no sockets.
    filter: Option<Filter>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Files {
    read: Vec<OsString>,
    write: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Filter {
    sockets: bool,
}

impl Orders {
    /// For a command in bubblewrap, which sees to all else.
    pub(crate) fn within_bubblewrap(rules: &Rules) -> Self {
        Self {
            landlock: None,
            filter: rules.resources.map(|_| Filter { sockets: true }),
        }
    }

    /// For a command that nothing else confines. `temporary` is a directory of its own, and `also` what
    /// else it is to see.
    pub(crate) fn alone(rules: &Rules, temporary: &Path, also: &[PathBuf]) -> Self {
        let mut write: Vec<PathBuf> = WRITABLE_DEVICES.iter().map(PathBuf::from).collect();
        write.push(temporary.to_owned());
        write.extend(rules.write.iter().cloned());
        match &rules.site {
            Some(Site::Worktree(view)) => write.push(view.root.clone()),
            Some(Site::Directory(path)) => write.push(path.clone()),
            None => {}
        }
        let mut hidden = rules.hidden();
        // What lies there is other programs': their files, their sockets.
        hidden.extend(["/tmp", "/var/tmp"].map(PathBuf::from));
        let mut read = Vec::new();
        all_but(Path::new("/"), &hidden, &mut read);
        if let Some(Site::Worktree(view)) = &rules.site {
            read.push(view.git.clone());
            read.extend(view.shared.iter().cloned());
        }
        let shown = rules.read.iter().chain(also);
        read.extend(
            shown
                .flat_map(|path| [Some(path.clone()), path.canonicalize().ok()])
                .flatten(),
        );
        let words = |paths: Vec<PathBuf>| paths.into_iter().map(PathBuf::into_os_string).collect();
        Self {
            landlock: Some(Files {
                read: words(read),
                write: words(write),
            }),
            filter: rules.resources.map(|_| Filter {
                sockets: rules.network,
            }),
        }
    }
}

/// The fewest directories and files that are all below one but for what is hidden.
fn all_but(directory: &Path, hidden: &[PathBuf], found: &mut Vec<PathBuf>) {
    if hidden.iter().any(|hidden| directory.starts_with(hidden)) {
        return;
    }
    if !hidden.iter().any(|hidden| hidden.starts_with(directory)) {
        found.push(directory.to_owned());
        return;
    }
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        all_but(&entry.path(), hidden, found);
    }
}

/// Orders made ready.
pub(crate) struct Confined {
    landlock: Option<RulesetCreated>,
    filter: Option<BpfProgram>,
}

impl Confined {
    /// # Errors
    /// Where the kernel does not have what it seemed to have.
    pub(crate) fn new(orders: &Orders) -> Result<Self, String> {
        Ok(Self {
            landlock: orders
                .landlock
                .as_ref()
                .map(ruleset)
                .transpose()
                .map_err(|error| format!("Landlock: {error}"))?,
            filter: orders
                .filter
                .map(program)
                .transpose()
                .map_err(|error| format!("seccomp: {error}"))?,
        })
    }

    /// Applies them to this process and all that it becomes and starts.
    ///
    /// Between fork and exec: what it does besides system calls is to free memory, which a process of one
    /// thread may.
    pub(crate) fn enter(&mut self) -> std::io::Result<()> {
        // SAFETY: the call takes integers.
        if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } < 0 {
            return Err(std::io::Error::last_os_error());
        }
        if let Some(ruleset) = self.landlock.take() {
            ruleset
                .restrict_self()
                .map_err(|error| std::io::Error::other(error.to_string()))?;
        }
        if let Some(program) = &self.filter {
            seccompiler::apply_filter(program)
                .map_err(|error| std::io::Error::other(error.to_string()))?;
        }
        Ok(())
    }
}

fn ruleset(files: &Files) -> Result<RulesetCreated, landlock::RulesetError> {
    let all = AccessFs::from_all(LANDLOCK);
    // Ports are not its business: where there is to be no network, there are no sockets.
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .add_rules(path_beneath_rules(
            &files.read,
            AccessFs::from_read(LANDLOCK),
        ))?
        .add_rules(path_beneath_rules(&files.write, all))
}

fn program(filter: Filter) -> Result<BpfProgram, String> {
    let architecture = std::env::consts::ARCH
        .try_into()
        .map_err(|_| format!("`{}` is not known", std::env::consts::ARCH))?;
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    if !filter.sockets {
        // A pair for one's own use stays: it leads nowhere.
        refused.insert(libc::SYS_socket, Vec::new());
    }
    SeccompFilter::new(
        refused,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.cast_unsigned()),
        architecture,
    )
    .and_then(BpfProgram::try_from)
    .map_err(|error| error.to_string())
}

/// Lets this process and all that it starts run before all others, or like all others.
pub(crate) fn take_precedence(does: bool) -> std::io::Result<()> {
    let (policy, priority) = if does {
        (libc::SCHED_RR, 1)
    } else {
        (libc::SCHED_OTHER, 0)
    };
    // SAFETY: the structure is plain data, for which zeroes are valid.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = priority;
    // SAFETY: the pointer outlives the call.
    if unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}

/// Limits what each process of a command uses: this process, and all that it becomes and starts.
/// Between fork and exec. `alone` says that no process of the user's besides counts.
pub(crate) fn limit(resources: &Resources, alone: bool) -> std::io::Result<()> {
    if alone {
        set(libc::RLIMIT_NPROC, resources.processes)?;
    }
    set(libc::RLIMIT_DATA, resources.memory_bytes)?;
    set(libc::RLIMIT_FSIZE, resources.file_bytes)?;
    set(libc::RLIMIT_CORE, 0)
}

fn set(resource: libc::__rlimit_resource_t, limit: u64) -> std::io::Result<()> {
    let mut now = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer outlives the call.
    if unsafe { libc::getrlimit(resource, &raw mut now) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // Never above what is there already.
    let limit = limit.min(now.rlim_max);
    let wanted = libc::rlimit {
        rlim_cur: limit.min(now.rlim_cur),
        rlim_max: limit,
    };
    // SAFETY: as above.
    if unsafe { libc::setrlimit(resource, &raw const wanted) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}
