//! What each page says: one paragraph of this file each.

use axum::http::StatusCode;

use super::Page;

/// A page's words, and how it looks.
pub(super) struct Sheet {
    pub(super) status: StatusCode,
    pub(super) tone: Tone,
    pub(super) heading: &'static str,
    pub(super) text: &'static str,
    /// The button to begin again, where that may help.
    pub(super) again: Option<&'static str>,
}

/// What a page means to the person who sees it, before they have read a word.
#[derive(Clone, Copy)]
pub(super) enum Tone {
    /// It worked.
    Good,
    /// Nothing is wrong, but something is to be known.
    Note,
    /// It did not work, and somebody can do something about it.
    Stop,
    /// It did not work, and that is our fault or Google's.
    Fault,
}

impl Tone {
    /// The style's class for it.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Stop => "stop",
            Self::Fault => "fault",
        }
    }

    /// The drawing above the heading, for the eye only: the words say the same. Each has a shape of its own, because
    /// not everybody tells the colours apart.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Good => r#"<circle cx="12" cy="12" r="9.5"/><path d="m7.5 12.5 3 3 6-6.5"/>"#,
            Self::Note => r#"<circle cx="12" cy="12" r="9.5"/><path d="M12 11v5.5M12 7.5v.01"/>"#,
            Self::Stop => r#"<path d="M12 3 1.8 20.5h20.4Z"/><path d="M12 9.5v5M12 17.5v.01"/>"#,
            Self::Fault => {
                r#"<path d="M7.8 2.5h8.4l5.3 5.3v8.4l-5.3 5.3H7.8l-5.3-5.3V7.8Z"/><path d="m9 9 6 6m0-6-6 6"/>"#
            }
        }
    }
}

const CONNECT: Option<&str> = Some("Connect a mailbox");
const AGAIN: Option<&str> = Some("Begin again");

impl Page {
    pub(super) fn sheet(self) -> &'static Sheet {
        match self {
            Self::Success => &SUCCESS,
            Self::AlreadyConnected => &ALREADY_CONNECTED,
            Self::ConnectedWithout => &CONNECTED_WITHOUT,
            Self::Denied => &DENIED,
            Self::Partial => &PARTIAL,
            Self::Expired => &EXPIRED,
            Self::TryAgain => &TRY_AGAIN,
            Self::StillDisconnecting(_) => &STILL_DISCONNECTING,
            Self::Blocked => &BLOCKED,
            Self::GoogleSilent => &GOOGLE_SILENT,
            Self::Fault => &FAULT,
            Self::Refused => &REFUSED,
            Self::LinkNeeded => &LINK_NEEDED,
            Self::LinkChanged => &LINK_CHANGED,
            Self::LinkExpired => &LINK_EXPIRED,
            Self::OtherReference => &OTHER_REFERENCE,
            Self::OtherAccount => &OTHER_ACCOUNT,
            Self::NotFound => &NOT_FOUND,
        }
    }
}

const SUCCESS: Sheet = Sheet {
    status: StatusCode::OK,
    tone: Tone::Good,
    heading: "Success – you may close this window",
    text: "Your mailbox is connected. There is nothing else to do.",
    again: None,
};

const ALREADY_CONNECTED: Sheet = Sheet {
    status: StatusCode::OK,
    tone: Tone::Good,
    heading: "Already connected – you may close this window",
    text: "This mailbox was connected before, and all is well with it. Your new consent counts from now on.",
    again: None,
};

const CONNECTED_WITHOUT: Sheet = Sheet {
    status: StatusCode::OK,
    tone: Tone::Note,
    heading: "Success – you may close this window",
    text: "Your mailbox is connected and its mail is read. A box beside that was not ticked, and what it allows is not done in your mailbox. If that was not what you wanted, allow it here.",
    again: Some("Allow the rest"),
};

const DENIED: Sheet = Sheet {
    status: StatusCode::FORBIDDEN,
    tone: Tone::Note,
    heading: "Nothing was connected",
    text: "You did not allow access, and nothing was stored. If that was not what you wanted, begin again.",
    again: AGAIN,
};

const PARTIAL: Sheet = Sheet {
    status: StatusCode::FORBIDDEN,
    tone: Tone::Stop,
    heading: "Reading mail was not allowed",
    text: "The box that allows reading mail was not ticked, and nothing was stored. Begin again and leave it ticked.",
    again: AGAIN,
};

const EXPIRED: Sheet = Sheet {
    status: StatusCode::BAD_REQUEST,
    tone: Tone::Stop,
    heading: "This link has expired or was used before",
    text: "The way back from Google works once, for ten minutes, in the browser it was begun in. Opening it now changed nothing.",
    again: AGAIN,
};

const TRY_AGAIN: Sheet = Sheet {
    status: StatusCode::CONFLICT,
    tone: Tone::Stop,
    heading: "Please try once more",
    text: "Google gave no lasting access this time. Nothing was changed.",
    again: AGAIN,
};

const STILL_DISCONNECTING: Sheet = Sheet {
    status: StatusCode::CONFLICT,
    tone: Tone::Note,
    heading: "Please try again shortly",
    text: "The last connection of this mailbox is still being cleared away.",
    again: AGAIN,
};

const BLOCKED: Sheet = Sheet {
    status: StatusCode::FORBIDDEN,
    tone: Tone::Stop,
    heading: "Your administrator blocks this application",
    text: "The administrator of your organization does not allow this application. Nothing was stored; only they can change that.",
    again: None,
};

const GOOGLE_SILENT: Sheet = Sheet {
    status: StatusCode::SERVICE_UNAVAILABLE,
    tone: Tone::Fault,
    heading: "Google did not answer",
    text: "Nothing was changed. Begin again in a minute.",
    again: AGAIN,
};

const FAULT: Sheet = Sheet {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    tone: Tone::Fault,
    heading: "Something went wrong on our side",
    text: "It is not your doing. We have been told; please try again later.",
    again: AGAIN,
};

const REFUSED: Sheet = Sheet {
    status: StatusCode::BAD_GATEWAY,
    tone: Tone::Fault,
    heading: "Google did not take our request",
    text: "That is ours to mend, and we have been told. Nothing was changed on your account.",
    again: AGAIN,
};

const OTHER_ACCOUNT: Sheet = Sheet {
    status: StatusCode::CONFLICT,
    tone: Tone::Stop,
    heading: "This link is for another Google account",
    text: "It connects one mailbox again, and you chose another one. Nothing was stored. Begin again, and choose the account that the link is for.",
    again: AGAIN,
};

const NOT_FOUND: Sheet = Sheet {
    status: StatusCode::NOT_FOUND,
    tone: Tone::Note,
    heading: "There is nothing here",
    text: "The address leads to no page.",
    again: CONNECT,
};

const LINK_NEEDED: Sheet = Sheet {
    status: StatusCode::FORBIDDEN,
    tone: Tone::Note,
    heading: "You need a link to connect a mailbox",
    text: "Mailboxes are connected here by personal links only. If you were sent one, open it; if not, ask for one.",
    again: None,
};

const LINK_CHANGED: Sheet = Sheet {
    status: StatusCode::BAD_REQUEST,
    tone: Tone::Stop,
    heading: "This link is not complete",
    text: "Something of it was changed or left out. Open it again from the message that it came in, or ask for a new one.",
    again: None,
};

const LINK_EXPIRED: Sheet = Sheet {
    status: StatusCode::GONE,
    tone: Tone::Stop,
    heading: "This link has expired",
    text: "Links to connect a mailbox are good for some time only. Ask whoever sent it for a new one. Nothing was changed.",
    again: None,
};

const OTHER_REFERENCE: Sheet = Sheet {
    status: StatusCode::CONFLICT,
    tone: Tone::Stop,
    heading: "This mailbox is connected through another link",
    text: "Nothing was changed. If you meant another mailbox, begin again and choose its account. If not, ask whoever sent you the link: the old connection must be ended first.",
    again: AGAIN,
};
