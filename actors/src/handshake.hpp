/// What a parent and its child tell each other, over one socket pair that lives as long as the
/// child.
///
/// ```
/// parent -> child   hello       who I am; with a memfd that holds name, entry and arguments
/// child -> parent   ready       the entry runs from here on
///                   refused     it never will, and why
///                   prepared    this_process::ready()
///                   alive       this_process::alive()
///                   exception   type \0 message of what escaped from the entry
///                   code        the exit code, for a parent whose zombies are reaped by others
/// ```
/// Packets keep their bounds (SOCK_SEQPACKET). The child waits for hello before it does
/// anything, so the parent has its pidfd before it can end by itself.
#pragma once

#include "descriptor.hpp"
#include <hawser/actors/caf_compat.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

namespace hawser::actors::detail {

/// The child's end, in the child.
inline constexpr int child_channel = 3;
inline constexpr const char* child_option = "--hawser-process";

enum class packet_kind : char {
  ready = 'r',
  refused = 'n',
  prepared = 'p',
  alive = 'a',
  exception = 'x',
  code = 'c'
};

struct packet {
  packet_kind kind;
  std::string text;
};

/// What a child is started with.
struct order {
  pid_t parent = 0;
  bool detached = false;
  std::string name;
  std::string entry;
  byte_buffer arguments;
  // For the launch; of these the child is told whether its output goes to a pipe.
  bool await_ready = false;
  int standard_output = -1, standard_error = -1;
  bool line_buffered = false;
};

/// Two connected ends, both close-on-exec. Empty ones: see errno.
std::pair<descriptor, descriptor> make_channel() noexcept;

/// The order as a memfd, rewound. An empty one: see errno.
descriptor write_order(const order& content) noexcept;
/// Nothing: not an order, or unreadable.
std::optional<order> read_order(int memfd) noexcept;

/// False: see errno.
bool send_hello(int channel, int memfd) noexcept;
/// Waits for it. An empty one: the parent is gone, or it is not a parent.
descriptor receive_hello(int channel) noexcept;

/// Never blocks; a text above 32 KiB is cut.
void send_packet(int channel, packet_kind kind, std::string_view text) noexcept;

struct received {
  enum { got, nothing_yet, end } state;
  packet content;
};
received receive_packet(int channel);

}  // namespace hawser::actors::detail
