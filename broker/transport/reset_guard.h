#pragma once

namespace takt::transport {

/// libzmq 4.3.4 ends the process when a peer resets a connection from which nothing is read just then. An engine whose input
/// stands still (its queue is full) takes the error for news, forgets its descriptor, and asserts in
/// stream_engine_base_t::out_event() as soon as it has anything to send: a PONG for a PING that came before the reset, a
/// heartbeat. Any client can do that.
///
/// Hence this process gives libzmq an epoll of its own making. Of a descriptor that is read an error is told as something to
/// read, once: reading finds it. Of one that was read and is not read now no errors are told; it is taken out of the epoll
/// set until libzmq reads from it again, finds the error then, and closes it in order. Whatever else in the process uses
/// epoll is served as by the kernel, with these two differences.
///
/// True when it is so: libzmq's calls come here. Cost: a lock and a look-up where libzmq changes what it waits for.
bool resets_are_guarded();

}  // namespace takt::transport
