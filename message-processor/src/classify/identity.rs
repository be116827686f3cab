//! Who the sender says to be, and what proves it.

use shared::result::AuthResult;

use super::evidence::Evidence;
use super::lexicon::Topic;
use super::signs::is_free;
use crate::parse::registered;

/// Whether the receiver checked the sender's identity and did not find it. Mail without any verdict tells nothing.
pub(super) fn unproven(e: &Evidence<'_>) -> bool {
    let found = &e.content().authentication;
    let checked = [found.spf, found.dkim, found.dmarc].iter().any(Option::is_some);
    checked
        && found.dmarc != Some(AuthResult::Pass)
        && found.dkim != Some(AuthResult::Pass)
        && !e.is_list()
}

pub(super) fn is_refused(e: &Evidence<'_>) -> bool {
    let spf = e.content().authentication.spf;
    unproven(e) && matches!(spf, Some(AuthResult::Fail | AuthResult::SoftFail))
}

/// Whether the owner of the author's domain answers for it.
pub(super) fn proven(e: &Evidence<'_>) -> bool {
    e.content().authentication.dmarc == Some(AuthResult::Pass)
}

/// Brands whose name is borrowed most, and what their own domains contain: what reports on phishing have named year
/// after year. Words that are names of other things too are left out.
const BRANDS: [(&str, &[&str]); 62] = [
    ("paypal", &["paypal"]),
    ("microsoft", &["microsoft", "office", "outlook", "sharepoint", "azure"]),
    ("office 365", &["microsoft", "office"]),
    ("office365", &["microsoft", "office"]),
    ("outlook", &["microsoft", "outlook"]),
    ("onedrive", &["microsoft", "onedrive"]),
    ("sharepoint", &["microsoft", "sharepoint"]),
    ("apple", &["apple", "icloud"]),
    ("icloud", &["apple", "icloud"]),
    ("amazon", &["amazon"]),
    ("netflix", &["netflix"]),
    ("google", &["google", "youtube", "gmail"]),
    ("facebook", &["facebook", "meta"]),
    ("instagram", &["instagram", "meta", "facebook"]),
    ("whatsapp", &["whatsapp", "meta", "facebook"]),
    ("linkedin", &["linkedin"]),
    ("dropbox", &["dropbox"]),
    ("docusign", &["docusign"]),
    ("adobe", &["adobe"]),
    ("spotify", &["spotify"]),
    ("ebay", &["ebay"]),
    ("dhl", &["dhl"]),
    ("fedex", &["fedex"]),
    ("ups", &["ups."]),
    ("usps", &["usps"]),
    ("royal mail", &["royalmail"]),
    ("deutsche post", &["deutschepost", "dhl"]),
    ("la poste", &["laposte"]),
    ("correos", &["correos"]),
    ("bank of america", &["bankofamerica", "bofa"]),
    ("wells fargo", &["wellsfargo"]),
    ("chase", &["chase"]),
    ("citibank", &["citi"]),
    ("american express", &["americanexpress", "aexp"]),
    ("mastercard", &["mastercard"]),
    ("hsbc", &["hsbc"]),
    ("barclays", &["barclays"]),
    ("lloyds", &["lloyds"]),
    ("natwest", &["natwest"]),
    ("santander", &["santander"]),
    ("sparkasse", &["sparkasse"]),
    ("volksbank", &["volksbank", "vr-"]),
    ("postbank", &["postbank"]),
    ("ing", &["ing."]),
    ("bbva", &["bbva"]),
    ("bradesco", &["bradesco"]),
    ("itaú", &["itau"]),
    ("nubank", &["nubank"]),
    ("binance", &["binance"]),
    ("coinbase", &["coinbase"]),
    ("metamask", &["metamask", "consensys"]),
    ("ledger", &["ledger"]),
    ("trust wallet", &["trustwallet"]),
    ("blockchain", &["blockchain"]),
    ("norton", &["norton"]),
    ("mcafee", &["mcafee"]),
    ("geek squad", &["geeksquad", "bestbuy"]),
    ("costco", &["costco"]),
    ("walmart", &["walmart"]),
    ("irs", &["irs.gov"]),
    ("hmrc", &["gov.uk"]),
    ("receita federal", &["gov.br"]),
];

/// Whether the author goes by a brand's name, and neither the address nor its proof is the brand's.
pub(super) fn borrows_a_brand(e: &Evidence<'_>) -> bool {
    !e.is_list()
        && !e.domain.is_empty()
        && BRANDS.iter().any(|(brand, own)| {
            has_words(&e.name, brand) && !own.iter().any(|part| e.domain.contains(part))
        })
}

/// Whether a name has these words, whole.
pub(super) fn has_words(name: &str, words: &str) -> bool {
    name.match_indices(words).any(|(at, found)| {
        let before = name[..at].chars().next_back();
        let after = name[at + found.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// Whether the author's name holds an address or a host of another domain than the author's own.
pub(super) fn names_another_host(e: &Evidence<'_>) -> bool {
    const ENDS: [&str; 8] = [".com", ".net", ".org", ".de", ".fr", ".co.uk", ".com.br", ".it"];
    e.name.split_whitespace().any(|word| {
        let host = word.rsplit('@').next().unwrap_or(word);
        let host = host.trim_matches(|c: char| !c.is_alphanumeric());
        ENDS.iter().any(|end| host.ends_with(end)) && registered(host) != registered(&e.domain)
    })
}

/// Whether a firm's office, by its name, has its address where anybody can have one.
pub(super) fn is_an_office_without_house(e: &Evidence<'_>) -> bool {
    const OFFICES: [&str; 16] = [
        "support",
        "security",
        "service",
        "helpdesk",
        "help desk",
        "billing",
        "customer",
        "account",
        "admin",
        "department",
        "notification",
        "verification",
        "bank",
        "award",
        "lottery",
        "compensation",
    ];
    is_free(&e.domain) && OFFICES.iter().any(|office| e.name.contains(office))
}

pub(super) fn leads_to_a_free_host(e: &Evidence<'_>) -> bool {
    const HOSTS: [&str; 22] = [
        "firebaseapp.com",
        "web.app",
        "blogspot.com",
        "weebly.com",
        "wixsite.com",
        "000webhostapp.com",
        "workers.dev",
        "pages.dev",
        "netlify.app",
        "vercel.app",
        "herokuapp.com",
        "glitch.me",
        "storage.googleapis.com",
        "s3.amazonaws.com",
        "windows.net",
        "ipfs.io",
        "ngrok.io",
        "duckdns.org",
        "github.io",
        "repl.co",
        "godaddysites.com",
        "r2.dev",
    ];
    let freely = |host: &String| HOSTS.iter().any(|free| host.ends_with(free));
    let leads = e.page().is_some_and(|page| page.hosts.iter().any(freely));
    let comes = HOSTS.iter().chain(&[".onmicrosoft.com"]).any(|free| e.domain.ends_with(free));
    comes || leads && (unproven(e) || e.mentions(Topic::Lure) > 0)
}

pub(super) fn answers_go_elsewhere(e: &Evidence<'_>) -> bool {
    let to = e.content().headers.reply_to.first().and_then(|one| one.address.as_deref());
    let domain = to.and_then(|to| to.rsplit_once('@')).map(|(_, domain)| domain.to_lowercase());
    domain.is_some_and(|domain| domain != e.domain && is_free(&domain)) && !e.is_list()
}

/// Whether the name that is registered has digits among its letters, or hardly a vowel: nobody would choose it.
pub(super) fn is_made_up(domain: &str) -> bool {
    let name = registered(domain).split('.').next().unwrap_or_default();
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let letters = name.bytes().filter(u8::is_ascii_alphabetic).count();
    let vowels = name.bytes().filter(|b| b"aeiouy".contains(b)).count();
    name.len() >= 8 && (digits > 2 && letters > 2 || letters >= 8 && vowels * 6 < letters)
}

/// Whether a word of the author's name or the subject mixes alphabets, or has invisible characters within.
pub(super) fn is_disguised(e: &Evidence<'_>) -> bool {
    let invisible = |c: char| matches!(c, '\u{34f}' | '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{1d159}'..='\u{1d17a}' | '\u{13a0}'..='\u{13ff}');
    let mixed = |word: &str| {
        let latin = word.chars().any(|c| c.is_ascii_alphabetic());
        let other = word.chars().any(
            |c| matches!(c, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{52f}' | '\u{600}'..='\u{6ff}'),
        );
        latin && other
    };
    [&e.name, &e.subject]
        .into_iter()
        .any(|text| text.contains(invisible) || text.split(|c: char| !c.is_alphabetic()).any(mixed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brand_is_a_name_of_whole_words() {
        assert!(has_words("dhl express", "dhl") && has_words("ihr dhl-paket", "dhl"));
        assert!(!has_words("groups", "ups") && !has_words("", "ups"));
    }

    #[test]
    fn nobody_would_choose_some_domains() {
        assert!(is_made_up("a8x9k2m4q.com") && is_made_up("mail.xkcdqrtzw.net"));
        assert!(!is_made_up("example.com") && !is_made_up("3m.com") && !is_made_up(""));
        assert!(!is_made_up("schwarzwald.de"));
    }
}
