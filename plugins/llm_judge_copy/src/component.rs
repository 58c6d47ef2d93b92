//! The glue between the contract and the pure modules.

use std::path::Path;

use common::contract::{Descriptor, Failure, Guest, Report, Request};
use judge::{Outcome, contract, evaluate};

use crate::{PRIMARY, platforms};

struct LlmJudgeCopy;
common::contract::export!(LlmJudgeCopy with_types_in common::contract);

const PLATFORM: &str = "platform";

impl Guest for LlmJudgeCopy {
    fn describe() -> Descriptor {
        let primary = contract::metric(PRIMARY, "/10", "Mean of the platform's five criteria");
        let criteria = platforms::metrics().into_iter().map(|(name, platforms)| {
            let description = format!("A criterion of: {}", platforms.join(", "));
            contract::metric(name, "/10", &description)
        });
        Descriptor {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "A language model's opinion of a post, an e-mail or an advertisement".into(),
            metrics: std::iter::once(primary).chain(criteria).collect(),
            open_metrics: false,
            parameters: vec![
                contract::file_parameter(),
                contract::text_parameter(
                    PLATFORM,
                    Some(platforms::DEFAULT),
                    &platforms::names(),
                    "Where the copy is published, which decides the criteria",
                ),
                contract::samples_parameter(),
            ],
            commands: Vec::new(),
            uses_model: true,
        }
    }

    fn evaluate(request: Request) -> Result<Report, Failure> {
        contract::report(judge(&request))
    }
}

fn judge(request: &Request) -> Result<Outcome, judge::Failure> {
    let rubric = platforms::rubric(contract::text(request, PLATFORM))?;
    let inputs = contract::inputs(request);
    let base = Path::new(".");
    evaluate::texts(&mut contract::Runtime, base, &inputs, rubric, PRIMARY)
}
