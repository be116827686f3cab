//! What one machine's stores promise beside their traits: files, processes that are killed, disks that are full.

mod archive_folder;
mod database_file;
mod event_log;
mod full_disk;
mod key_file;
mod killed;
mod victim;
