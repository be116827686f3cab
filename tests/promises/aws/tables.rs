//! The ledger's tables.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use shared::ledger::dynamodb::Tables;

/// Empty tables under names of their own.
pub(super) async fn create(config: &SdkConfig, tag: &str) -> Tables {
    let client = Client::new(config);
    let named = |name: &str| format!("{name}-{tag}");
    let tables = Tables {
        user_tokens: named("UserTokens"),
        marks: named("MessageMarks"),
        dead_letters: named("DeadLetters"),
        control: named("Control"),
        results_index: named("ResultsIndex"),
    };
    table(&client, &tables.user_tokens, &["userId"]).await;
    table(&client, &tables.marks, &["userId", "messageId"]).await;
    table(&client, &tables.dead_letters, &["userId", "jobId"]).await;
    table(&client, &tables.control, &["name"]).await;
    table(&client, &tables.results_index, &["userId", "messageId"]).await;
    tables
}

async fn table(client: &Client, name: &str, key: &[&str]) {
    let mut request = client.create_table().table_name(name);
    for (index, part) in key.iter().enumerate() {
        let kind = if index == 0 { KeyType::Hash } else { KeyType::Range };
        let attribute = AttributeDefinition::builder().attribute_name(*part);
        let attribute = attribute.attribute_type(ScalarAttributeType::S).build().unwrap();
        let element = KeySchemaElement::builder().attribute_name(*part).key_type(kind);
        request = request.attribute_definitions(attribute).key_schema(element.build().unwrap());
    }
    request.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
}
