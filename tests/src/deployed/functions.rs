//! The functions' own processes: what they may do, and how they die.

use std::fs;
use std::process::Command;

use aws_sdk_sqs::config::Credentials;

/// A function's process.
pub struct Function {
    id: u32,
    environment: Vec<(String, String)>,
}

/// The processes of the function with this name, under a local AWS at `endpoint`.
pub fn processes(name: &str, endpoint: &str) -> Vec<Function> {
    let all = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
    let ids = all.filter_map(|id| id.to_str()?.parse::<u32>().ok());
    let functions = ids.filter_map(|id| Some(Function { id, environment: environment(id)? }));
    let ours = |function: &Function| {
        function.says("AWS_LAMBDA_FUNCTION_NAME") == Some(name)
            && function.says("AWS_ENDPOINT_URL") == Some(endpoint)
    };
    functions.filter(ours).collect()
}

/// What a process was started with; `None` for one that is gone or not ours.
fn environment(id: u32) -> Option<Vec<(String, String)>> {
    let text = fs::read(format!("/proc/{id}/environ")).ok()?;
    let pairs = text.split(|byte| *byte == 0).filter_map(|pair| {
        let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    Some(pairs.collect())
}

impl Function {
    fn says(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The credentials of its role.
    pub fn credentials(&self) -> Credentials {
        let said = |name| self.says(name).unwrap_or_default().to_owned();
        let token = said("AWS_SESSION_TOKEN");
        Credentials::new(
            said("AWS_ACCESS_KEY_ID"),
            said("AWS_SECRET_ACCESS_KEY"),
            Some(token),
            None,
            "function",
        )
    }

    /// Kills it as only SIGKILL can. Whether it was still there to be killed.
    #[must_use]
    pub fn kill(&self) -> bool {
        let kill = Command::new("sh").args(["-c", &format!("kill -KILL {}", self.id)]).status();
        kill.unwrap().success()
    }
}
