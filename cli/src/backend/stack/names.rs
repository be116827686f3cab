//! What a stack's resources are called: its outputs, under the names that its functions know them by.

use std::collections::BTreeMap;

use anyhow::anyhow;
use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use shared::disposition::chain;

use crate::BadUse;

/// Names by setting, first from a stack's outputs and else from the environment.
#[derive(Debug, Default)]
pub(super) struct Names {
    outputs: BTreeMap<String, String>,
}

impl Names {
    /// As the stack's outputs say.
    pub(super) async fn of_stack(config: &SdkConfig, stack: &str) -> anyhow::Result<Self> {
        let region = config
            .region()
            .ok_or_else(|| BadUse("no region is set: AWS_REGION says where the stack is".into()))?;
        let sent = Client::new(config).describe_stacks().stack_name(stack).send().await;
        let told = sent.map_err(|error| {
            let why = chain(&error);
            anyhow!("cloudformation:DescribeStacks on {stack} in {region}: {why}")
        })?;
        let stacks = told.stacks.unwrap_or_default().into_iter();
        let outputs = stacks.flat_map(|stack| stack.outputs.unwrap_or_default());
        let pairs = outputs.filter_map(|output| output.output_key.zip(output.output_value));
        Ok(Self { outputs: pairs.collect() })
    }

    /// The value of a setting such as `USER_JOBS_QUEUE`.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the environment of commands on a stack"
        )]
        let environment = || std::env::var(name).ok();
        self.outputs.get(&output_of(name)).cloned().or_else(environment)
    }
}

/// `USER_JOBS_QUEUE` is the output `UserJobsQueue`, and `OAUTH_REDIRECT_URI` is `RedirectUri`.
fn output_of(setting: &str) -> String {
    let capital = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{first}{}", rest.to_ascii_lowercase())
    };
    setting.trim_start_matches("OAUTH_").split('_').map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_under_the_outputs_name() {
        let outputs = [("UserJobsQueue", "https://sqs/1/jobs"), ("UserJobsDlq", "https://sqs/1/d")];
        let outputs = outputs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let names = Names { outputs: BTreeMap::from(outputs) };
        assert_eq!(names.get("USER_JOBS_QUEUE").as_deref(), Some("https://sqs/1/jobs"));
        assert_eq!(names.get("USER_JOBS_DLQ").as_deref(), Some("https://sqs/1/d"));
        assert_eq!(output_of("OAUTH_REDIRECT_URI"), "RedirectUri");
        assert_eq!(names.get("NOBODY_HAS_SET_THIS"), None);
    }
}
