//! The glue between the contract and the pure modules.

use std::path::Path;

use common::contract::{Descriptor, Failure, Guest, Report, Request};
use judge::{contract, evaluate};

use crate::{PRIMARY, RUBRIC};

struct LlmJudgeContent;
common::contract::export!(LlmJudgeContent with_types_in common::contract);

impl Guest for LlmJudgeContent {
    fn describe() -> Descriptor {
        let primary = contract::metric(PRIMARY, "/10", "Mean of the five criteria");
        let criteria = RUBRIC
            .criteria
            .iter()
            .map(|criterion| contract::metric(criterion.name, "/10", criterion.question));
        Descriptor {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "A language model's opinion of headlines, titles and descriptions".into(),
            metrics: std::iter::once(primary).chain(criteria).collect(),
            open_metrics: false,
            parameters: vec![contract::file_parameter(), contract::samples_parameter()],
            commands: Vec::new(),
            uses_model: true,
        }
    }

    fn evaluate(request: Request) -> Result<Report, Failure> {
        let inputs = contract::inputs(&request);
        contract::report(evaluate::texts(
            &mut contract::Runtime,
            Path::new("."),
            &inputs,
            &RUBRIC,
            PRIMARY,
        ))
    }
}
