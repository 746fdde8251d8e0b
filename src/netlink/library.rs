//! Requests in the words of a library: for the lab, which asks for many different things, each seldom.

use super::socket::{ACK, DUMP, NetlinkError, REQUEST, Socket};
use super::wire::Message;
use netlink_packet_core::{NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;

impl Socket {
    /// Sends one request and waits for the kernel's acknowledgement.
    ///
    /// `flags` are added to `NLM_F_REQUEST | NLM_F_ACK`; `what` names the deed in an error.
    ///
    /// # Errors
    /// When the kernel refuses; [`NetlinkError::errno`] tells why.
    pub fn request(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        what: &str,
    ) -> Result<(), NetlinkError> {
        self.ask(message, ACK | flags, what).map(drop)
    }

    /// Asks for everything of a kind.
    ///
    /// # Errors
    /// When the kernel refuses or its answer can't be read.
    pub fn dump(
        &mut self,
        message: RouteNetlinkMessage,
        what: &str,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        self.ask(message, DUMP, what)
    }

    /// Asks for one object.
    ///
    /// # Errors
    /// When the kernel refuses or its answer can't be read.
    pub fn get(
        &mut self,
        message: RouteNetlinkMessage,
        what: &str,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        self.ask(message, ACK, what)
    }

    fn ask(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        what: &str,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        let mut packet = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::from(message));
        packet.finalize();
        let mut octets = vec![0; packet.buffer_len()];
        packet.serialize(&mut octets);
        let body = octets.split_off(octets.len().min(HEADER));
        let mut answers = Vec::new();
        let write = |octets: &mut Vec<u8>| octets.extend(body);
        self.exchange(packet.header.message_type, REQUEST | flags, write, what, |answer| {
            answers.push(read(answer));
        })?;
        let unreadable = |detail| NetlinkError::Unreadable { what: what.to_owned(), detail };
        answers.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>().map_err(unreadable)
    }
}

/// Octets of a message's header.
const HEADER: usize = 16;

fn read(message: &Message<'_>) -> Result<Option<RouteNetlinkMessage>, String> {
    let message = NetlinkMessage::deserialize(message.octets).map_err(|error| error.to_string())?;
    Ok(match message.payload {
        NetlinkPayload::InnerMessage(inner) => Some(inner),
        _ => None,
    })
}
