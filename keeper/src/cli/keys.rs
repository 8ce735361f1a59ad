//! `pixr keys`.

use std::fmt;

use serde::Serialize;

use super::{context::Context, output};
use crate::keys::{Keys, Purpose};
use pixr_client::platform_address;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Show addresses; keys themselves are never shown
    Show {
        /// Show the custodial creators with these numbers too
        #[arg(long, value_name = "NUMBER", num_args = 1..)]
        creator: Vec<u64>,
    },
}

#[derive(Serialize)]
struct Address {
    key: String,
    address: String,
    from: &'static str,
}

#[derive(Serialize)]
struct Addresses {
    program: String,
    platform: String,
    keys: Vec<Address>,
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut table = output::table(&["key", "address", "from"], 3);
        table.add_row(["program", &self.program, "this build"]);
        table.add_row(["platform", &self.platform, "its base"]);
        for Address { key, address, from } in &self.keys {
            table.add_row([key, address, *from]);
        }
        write!(f, "{}", table.trim_fmt())
    }
}

pub fn run(context: &Context, command: Command) -> anyhow::Result<()> {
    let Command::Show { creator } = command;
    let config = &context.config;
    let keys = Keys::load(&config.keys, &config.data.folder)?;
    let from = |configured: bool| if configured { "configuration" } else { "master seed" };
    let base = config.chain.platform_base.unwrap_or_else(|| keys.address(Purpose::PlatformBase));
    let mut addresses = vec![Address {
        key: "platform base".into(),
        address: base.to_string(),
        from: from(config.chain.platform_base.is_some()),
    }];
    for (name, purpose, configured) in [
        ("admin", Purpose::Admin, config.keys.admin.is_some()),
        ("guardian", Purpose::Guardian, config.keys.guardian.is_some()),
        ("keeper", Purpose::Keeper, config.keys.keeper.is_some()),
        ("treasury", Purpose::Treasury, config.keys.treasury.is_some()),
    ] {
        let address = keys.address(purpose).to_string();
        addresses.push(Address { key: name.into(), address, from: from(configured) });
    }
    for number in creator {
        let address = keys.address(Purpose::Creator(number)).to_string();
        addresses.push(Address { key: format!("creator {number}"), address, from: from(false) });
    }
    context.show(&Addresses {
        program: pixr::ID.to_string(),
        platform: platform_address(&base).to_string(),
        keys: addresses,
    })
}
