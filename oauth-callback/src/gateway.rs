//! A request as an HTTP API hands it to a function, payload format 2.0, and the answer it takes back
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).
//!
//! A body comes as text, or in base64 where the gateway takes its content type for bytes.

use aws_lambda_events::encodings::Body as GatewayBody;
use aws_lambda_events::event::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderValue, Method, Request};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared::disposition::chain;
use shared::lambda::Error;
use tower::ServiceExt;

use crate::aws::Door;

/// The longest page that is handed back; ours are a few kilobytes.
const LONGEST_PAGE: usize = 1 << 20;

/// Answers one request. Secrets that cannot be read get the page that says the fault is ours.
pub async fn answer(
    door: &Door,
    event: ApiGatewayV2httpRequest,
) -> Result<ApiGatewayV2httpResponse, Error> {
    match door.pages().await {
        Ok(pages) => through(pages, event).await,
        Err(error) => {
            tracing::error!(error = chain(&error), "The pages cannot be opened");
            handed_back(door.fault(event.raw_path.as_deref())).await
        }
    }
}

async fn through(
    pages: Router,
    event: ApiGatewayV2httpRequest,
) -> Result<ApiGatewayV2httpResponse, Error> {
    handed_back(pages.oneshot(request(event)?).await?).await
}

fn request(event: ApiGatewayV2httpRequest) -> Result<Request<Body>, Error> {
    let path = event.raw_path.filter(|path| path.starts_with('/')).unwrap_or("/".to_owned());
    let query = event.raw_query_string.filter(|query| !query.is_empty());
    let address = query.map_or(path.clone(), |query| format!("{path}?{query}"));
    let method: Method = event.request_context.http.method;
    let body = match event.body {
        Some(body) if event.is_base64_encoded => STANDARD.decode(body)?,
        body => body.unwrap_or_default().into_bytes(),
    };
    let mut request = Request::builder().method(method).uri(address).body(Body::from(body))?;
    *request.headers_mut() = event.headers;
    // The gateway takes the cookies out of the headers, one entry each.
    for cookie in event.cookies.unwrap_or_default() {
        // One that no header can carry is none of ours.
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            request.headers_mut().append(COOKIE, cookie);
        }
    }
    Ok(request)
}

async fn handed_back(response: Response) -> Result<ApiGatewayV2httpResponse, Error> {
    let (mut head, body) = response.into_parts();
    let page = to_bytes(body, LONGEST_PAGE).await?;
    let cookies = head.headers.get_all(SET_COOKIE).iter();
    let cookies = cookies.filter_map(|cookie| cookie.to_str().ok().map(str::to_owned)).collect();
    head.headers.remove(SET_COOKIE);
    let mut answer = ApiGatewayV2httpResponse::default();
    answer.status_code = i64::from(head.status.as_u16());
    answer.headers = head.headers;
    answer.body = Some(GatewayBody::Text(String::from_utf8(page.to_vec())?));
    answer.cookies = cookies;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderMap;
    use axum::routing::get;
    use serde_json::json;

    fn event(fields: &serde_json::Value) -> ApiGatewayV2httpRequest {
        let mut whole = json!({
            "version": "2.0", "rawPath": "/oauth2callback", "rawQueryString": "",
            "headers": {}, "requestContext": { "http": { "method": "GET", "path": "/oauth2callback" } }
        });
        for (name, value) in fields.as_object().unwrap() {
            whole[name] = value.clone();
        }
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn cookies_are_found_where_the_gateway_puts_them_and_in_the_header() {
        for fields in [
            json!({ "cookies": ["a=b", "__Host-fanmail=x"] }),
            json!({ "headers": { "cookie": "a=b; __Host-fanmail=x" } }),
        ] {
            let request = request(event(&fields)).unwrap();
            assert_eq!(crate::our_cookie(request.headers()), Some("x"), "{fields}");
        }
    }

    #[test]
    fn the_query_arrives_as_it_was_sent() {
        let fields = json!({ "rawQueryString": "code=4%2Fc%26d&state=s&x=%FF" });
        let request = request(event(&fields)).unwrap();
        assert_eq!(request.uri().to_string(), "/oauth2callback?code=4%2Fc%26d&state=s&x=%FF");
    }

    #[tokio::test]
    async fn a_body_arrives_as_it_was_sent_however_the_gateway_wraps_it() {
        for fields in
            [json!({ "body": "a.b.c" }), json!({ "body": "YS5iLmM=", "isBase64Encoded": true })]
        {
            let body = request(event(&fields)).unwrap().into_body();
            assert_eq!(to_bytes(body, 100).await.unwrap(), "a.b.c", "{fields}");
        }
    }

    #[test]
    fn a_cookie_that_no_header_carries_is_left_out() {
        let request = request(event(&json!({ "cookies": ["a=\u{0}", "b=c"] }))).unwrap();
        assert_eq!(request.headers().get_all(COOKIE).iter().count(), 1);
    }

    #[tokio::test]
    async fn what_a_page_sets_goes_back_in_the_field_for_cookies() {
        let page = || async {
            let mut headers = HeaderMap::new();
            headers.append(SET_COOKIE, HeaderValue::from_static("one=1"));
            headers.append(SET_COOKIE, HeaderValue::from_static("two=2"));
            (headers, "Success – done")
        };
        let pages = Router::new().route("/oauth2callback", get(page));
        let answer = through(pages, event(&json!({}))).await.unwrap();
        let answer = serde_json::to_value(answer).unwrap();
        assert_eq!(answer["statusCode"], 200);
        assert_eq!(answer["cookies"], json!(["one=1", "two=2"]));
        assert_eq!(answer["body"], "Success – done");
        assert!(answer["headers"].get("set-cookie").is_none(), "{answer}");
    }
}
