//! The glue between the contract and the pure module.

use crate::lines::{self, MOST_NAMES};
use common::contract::{
    self, CommandRole, Descriptor, Diagnostic, Failure, Guest, Measurement, Output, Report,
    Request, Severity,
};

struct Command;
common::contract::export!(Command with_types_in common::contract);

const ROLE: &str = "command";

impl Guest for Command {
    fn describe() -> Descriptor {
        Descriptor {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "The metrics that a command prints as `name: value` lines".into(),
            metrics: Vec::new(),
            open_metrics: true,
            parameters: Vec::new(),
            commands: vec![CommandRole {
                name: ROLE.into(),
                required: true,
                description: "Prints each metric on a line `name: value` of its standard output; \
                              the last line of a name counts"
                    .into(),
            }],
            uses_model: false,
        }
    }

    fn evaluate(_: Request) -> Result<Report, Failure> {
        let output = contract::run(ROLE)?;
        let metrics = lines::metrics(&output.stdout);
        let complaints = lines::complaints(&metrics);
        if metrics.values.is_empty() {
            let reason = match complaints.first() {
                Some(complaint) => format!("the `{ROLE}` command gave no metric: {complaint}"),
                None => no_metric(&output),
            };
            let text = common::with_excerpt(&reason, &[&output.stdout, &output.stderr]);
            return Err(Failure::CandidateFailed(text));
        }

        let mut diagnostics: Vec<Diagnostic> = complaints.into_iter().map(warning).collect();
        diagnostics.extend(lines::remark_on_changes(&metrics).map(warning));
        if metrics.more {
            diagnostics.push(warning(format!(
                "the command printed more than {MOST_NAMES} metrics: only the last {MOST_NAMES} are kept"
            )));
        }
        if output.stdout_truncated {
            diagnostics.push(warning(
                "the command printed more than the runtime keeps: only the end was read".into(),
            ));
        }
        let measurements = metrics
            .values
            .into_iter()
            .map(|(metric, value)| Measurement {
                metric,
                samples: vec![value],
            })
            .collect();
        Ok(Report {
            measurements,
            diagnostics,
        })
    }
}

/// Why there is nothing to read, as far as that can be seen.
fn no_metric(output: &Output) -> String {
    let wanted = "a line `name: value` with a number";
    let elsewhere = lines::metrics(&output.stderr);
    if let Some((name, _)) = elsewhere.values.last() {
        return format!(
            "the `{ROLE}` command gave no metric, {wanted}, on its standard output; it printed \
             `{name}` on standard error, which is not read"
        );
    }
    if output.stdout_truncated {
        return format!(
            "the `{ROLE}` command gave no metric, {wanted}, in the last {} bytes of its standard \
             output, which is what the runtime keeps: print metrics last, on lines of their own",
            output.stdout.len()
        );
    }
    format!("the `{ROLE}` command gave no metric, {wanted}")
}

fn warning(message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        message,
    }
}
