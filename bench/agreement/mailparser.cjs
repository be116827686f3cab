// What nodemailer's mailparser reads from each message.

const fs = require('node:fs');
const path = require('node:path');
const { simpleParser } = require('mailparser');

function* messages(folder) {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
        const at = path.join(folder, entry.name);
        if (entry.isDirectory()) yield* messages(at);
        else if (entry.name.endsWith('.eml')) yield at;
    }
}

// Several fields of one name come as a list; a group has its members within it.
const addresses = found =>
    [].concat(found ?? []).flatMap(field => field.value).flatMap(one => one.group ?? [one])
        .map(one => [one.name, one.address]);

// Where a date cannot be read, mailparser gives the present one.
const instant = (date, started) =>
    date && Math.abs(date.getTime() - started) > 60_000 ? date.getTime() / 1000 : null;

async function main(folder) {
    for (const at of messages(folder)) {
        const started = Date.now();
        let said;
        try {
            const mail = await simpleParser(fs.readFileSync(at), { skipImageLinks: true, skipTextToHtml: true });
            said = {
                subject: { is: mail.subject ?? null },
                from: { is: addresses(mail.from).slice(0, 1) },
                to: { is: addresses(mail.to) },
                date: { is: instant(mail.date, started) },
                attachments: { is: mail.attachments.map(one => one.filename).filter(Boolean) },
            };
        } catch (error) {
            said = { failed: error.name };
        }
        console.log(JSON.stringify({ path: path.relative(folder, at), ...said }));
    }
}

main(process.argv[2]);
