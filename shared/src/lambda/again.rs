//! A function that starts its own next run.

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::InvocationType;

use crate::aws::{Place, fault};
use crate::store::StoreError;

/// The next run of the function that this is.
#[derive(Debug, Clone)]
pub struct NextRun {
    client: Client,
    function: String,
}

impl NextRun {
    /// Of the function of this name, which Lambda gives as `AWS_LAMBDA_FUNCTION_NAME`.
    pub fn new(config: &SdkConfig, function: String) -> Self {
        Self { client: Client::new(config), function }
    }

    /// Asks for it, and does not wait for it.
    pub async fn start(&self) -> Result<(), StoreError> {
        let invoke = self.client.invoke().function_name(&self.function);
        let sent = invoke.invocation_type(InvocationType::Event).send().await;
        let doing = "starting the next run";
        let at = Place { doing, action: "lambda:InvokeFunction", resource: &self.function };
        sent.map(|_accepted| ()).map_err(|error| fault(at, error))
    }
}
