#pragma once

#include <cstdint>

namespace takt::transport {

/// A ZMTP client may announce a routing id of its own. libzmq 4.3.4 has no good answer when another connection has it, or is about
/// to be given it: it stops the process, or loses the newcomer with its memory, or leaves the earlier one open for ever
/// (decision 0021); and it tells nobody of the id before it has taken it.
///
/// Hence this process gives libzmq a recv of its own making, which reads along with what a peer says before its first message, and
/// hides a routing id from libzmq: its client is served under an id of libzmq's like everybody. A peer that speaks an older ZMTP, in
/// which this can't be done, is reset as far as libzmq knows. Whatever else in the process receives is served as by the kernel.
///
/// True when it is so: libzmq's calls come here. Cost: a look at an array; a lock while a connection is young.
bool handshakes_are_read();

/// How many routing ids were announced to this process, ever. Thread: any.
std::uint64_t routing_ids_ignored();

/// libzmq begins or ends to wait for this descriptor. Thread: any.
void handshake_begins(int descriptor);
void handshake_ends(int descriptor);

}  // namespace takt::transport
