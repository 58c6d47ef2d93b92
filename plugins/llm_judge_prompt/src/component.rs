//! The glue between the contract and the pure modules.

use std::path::Path;

use common::contract::{Descriptor, Direction, Failure, Guest, MetricInfo, Report, Request};
use judge::contract;

use crate::cases;
use crate::run::{self, AVERAGE, CASES, PRIMARY, RUBRIC};

struct LlmJudgePrompt;
common::contract::export!(LlmJudgePrompt with_types_in common::contract);

const CASES_FILE: &str = "cases";

impl Guest for LlmJudgePrompt {
    fn describe() -> Descriptor {
        let mut metrics = vec![
            contract::metric(PRIMARY, "/100", "Mean of all cases and criteria, times ten"),
            MetricInfo {
                name: CASES.into(),
                unit: "cases".into(),
                direction: Direction::HigherIsBetter,
                deterministic: true,
                description: "How many cases there are; one that fails scores 0".into(),
            },
            contract::metric(AVERAGE, "/10", "Mean of all cases and criteria"),
        ];
        metrics.extend(RUBRIC.criteria.iter().map(|criterion| {
            let description = format!("Mean of all cases. {}", criterion.question);
            contract::metric(criterion.name, "/10", &description)
        }));
        Descriptor {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "How good a language model's answers to a prompt are, in its own opinion"
                .into(),
            metrics,
            open_metrics: false,
            parameters: vec![
                contract::text_parameter("file", None, &[], "The prompt; default: the target"),
                contract::text_parameter(
                    CASES_FILE,
                    Some(cases::DEFAULT),
                    &[],
                    "A JSON file with the test cases: [{\"input\": ..., \"expected\": ...}]",
                ),
                contract::samples_parameter(),
            ],
            commands: Vec::new(),
            uses_model: true,
        }
    }

    fn evaluate(request: Request) -> Result<Report, Failure> {
        let inputs = contract::inputs(&request);
        let file = contract::text(&request, CASES_FILE).unwrap_or(cases::DEFAULT);
        contract::report(run::evaluate(
            &mut contract::Runtime,
            Path::new("."),
            &inputs,
            file,
        ))
    }
}
