#pragma once

#include <cstdint>
#include <functional>

#include "proto/time.h"

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

/// Whether the newcomers at this listening descriptor are kept from libzmq: they wait in the kernel's queue (ZMQ_BACKLOG), and more
/// than that try again later. Of a descriptor that libzmq does not wait for: nothing happens. Thread: any.
void hold_newcomers(int listener, bool are_held);

struct Looks {
  std::uint64_t count = 0;   ///< how often a thread of this process has asked an epoll set what is ready, and was told something
  bool is_at_work = false;   ///< one of them has not asked again yet
};
/// In taktd libzmq alone uses epoll. Thread: any.
Looks libzmq_looks();

/// Tells when libzmq's I/O thread has not looked at its sockets for too long. It carries out all that its mailbox has before it
/// looks again, and where peers fill their queues each message read from one is worth a command. So whoever reads and sends
/// without a pause keeps it from everybody whose bytes wait in the kernel. Pure. Thread: one.
class LookWatch {
 public:
  bool is_overdue(const Looks& looks, Time now);

 private:
  std::uint64_t count_ = 0;
  Time since_{};   ///< when it was last known to look, or to have nothing to do
};

/// Sleeps while it is overdue, some 10 ms at most, so that the caller asks for nothing more meanwhile. Nothing tells when libzmq
/// looks again; it does within a step or two of 0.2 ms (decision 0016).
void let_libzmq_look(LookWatch& watch, const std::function<Time()>& clock);

}  // namespace takt::transport
