//! What belongs to one evaluation's store.

use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{FsPerms, ResourceTable, WasiCtx, WasiCtxView, WasiView};

use super::command::{Grants, Running};
use super::limits::{Limits, Meter, Note};
use super::model::Account;
use super::transcript::Transcript;
use super::{Event, Observer};
use crate::tape::Head;

pub(super) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(super) meter: Meter,
    pub(super) limits: Limits,
    pub(super) exceeded: Note,
    pub(super) transcript: Transcript,
    /// None while the evaluator describes itself: then nothing is granted.
    pub(super) grants: Option<Grants>,
    /// What commands and model answer is taken down there, or comes from there.
    pub(super) tape: Option<Head>,
    pub(super) commands: Running,
    pub(super) account: Account,
    pub(super) observer: Observer,
}

impl State {
    /// A state with `grants` and their directory as the guest's `.`, or with nothing.
    pub(super) fn new(
        limits: &Limits,
        grants: Option<Grants>,
        tape: Option<Head>,
        observer: Observer,
    ) -> Result<Self, String> {
        let transcript = Transcript::new((limits.guest_output_kib as usize) << 10);
        let mut wasi = WasiCtx::builder();
        wasi.stdout(transcript.clone())
            .stderr(transcript.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        if let Some(grants) = &grants {
            wasi.preopened_dir(&grants.directory, ".", FsPerms::ReadOnly)
                .map_err(|error| {
                    format!("cannot open `{}`: {error}", grants.directory.display())
                })?;
        }
        if let Some(tape) = &tape {
            let randomness = tape.randomness();
            wasi.secure_random(Deterministic::new(randomness.clone()))
                .insecure_random(Deterministic::new(randomness))
                .insecure_random_seed(0);
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles as usize);
        let exceeded = Note::default();
        Ok(Self {
            wasi: wasi.build(),
            table,
            meter: Meter::new(limits, exceeded.clone()),
            limits: limits.clone(),
            exceeded,
            transcript,
            grants,
            tape,
            commands: Running::default(),
            account: Account::default(),
            observer,
        })
    }

    pub(super) fn tell(&self, event: Event<'_>) {
        (self.observer)(event);
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl super::bindings::autoresearch::evaluator::types::Host for State {}
