// What a peer says. All of it may be wrong: what makes no sense ends the connection.

#include "content.hpp"
#include "core.hpp"
#include "packing.hpp"
#include "proxy.hpp"
#include "services.hpp"
#include <hawser/actors/peer_error.hpp>

#include <caf/actor_registry.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace hawser::actors::detail {
namespace {

constexpr int frames_at_once = 64;
constexpr std::size_t frame_bytes_max = std::size_t{1} << 32;

}  // namespace

frame_buffer transport_core::frame_of(const frame_header& header) {
  frame_buffer frame;
  append(frame, header);
  return frame;
}

/// Takes some frames. False: there was nothing.
bool transport_core::read(const std::shared_ptr<peer>& from) {
  if (!from->pipe) return false;
  shm::detail::pipe_core& pipe = *from->pipe;
  shm::detail::pipe_message frame{};
  int taken = 0;
  const char* damage = nullptr;
  try {
    while (taken < frames_at_once) {
      const shm::take_status status = pipe.try_peek(frame);
      if (status == shm::take_status::ok) {
        if (!take(from, frame.data, frame.bytes)) {
          damage = "it has sent what makes no sense";
          break;
        }
        if (from->is_buried()) return true;
        pipe.pass(frame);
        ++taken;
        continue;
      }
      if (status == shm::take_status::closed && taken == 0) {
        // Left, or died; the directory knows it a moment later.
        const bool is_there = from->who && directory_->is_member(from->who->tag);
        bury(from, is_there && !from->said_goodbye
                       ? make_error(peer_error::disconnected, "process " +
                                                                  std::to_string(from->node.pid) +
                                                                  " has closed the connection")
                       : membership_.why_gone(*from->who, from->said_goodbye));
        changed_.store(true, std::memory_order_relaxed);
        return true;
      }
      break;
    }
  } catch (const std::exception&) {
    damage = "its ring is damaged";
  }
  if (damage != nullptr) {
    damaged_.fetch_add(1, std::memory_order_relaxed);
    bury(from, make_error(peer_error::disconnected,
                          "process " + std::to_string(from->node.pid) + ": " + damage));
    return true;
  }
  if (taken == 0) return false;
  pipe.publish(static_cast<std::uint64_t>(taken));
  if (std::exchange(from->wants_room, false)) from->door->ring();
  return true;
}

/// False: it makes no sense.
bool transport_core::take(const std::shared_ptr<peer>& from, const std::byte* data,
                          std::size_t bytes) {
  frame_reader in{data, bytes};
  frame_header header{};
  if (!in.read(header)) return false;
  if (header.kind == frame_kind::hello) return !from->greeted && take_hello(*from, in);
  if (!from->greeted) return false;
  switch (header.kind) {
    case frame_kind::message: return take_message(*from, header, in);
    case frame_kind::part: return take_part(from, header, in);
    case frame_kind::watch: return watch(from, header.target), true;
    case frame_kind::down: return take_down(*from, header, in);
    case frame_kind::link:
    case frame_kind::unlink: return take_link(*from, header, in);
    case frame_kind::moved: return take_moved(header, in);
    case frame_kind::room: return from->wants_room = true;
    case frame_kind::lend: return take_lend(from), true;
    case frame_kind::lent: return take_lent(*from, header.mid != 0);
    case frame_kind::ping: return take_ping(from, header.mid), true;
    case frame_kind::pong:
      if (header.mid == from->pings) from->unanswered_since.reset();
      return true;
    case frame_kind::goodbye: return from->said_goodbye = true;
    case frame_kind::hello: break;
  }
  return false;
}

bool transport_core::take_hello(peer& from, frame_reader in) {
  greeting its{};
  if (!in.read(its)) return false;
  return from.greeted = its.version == greeting::version_now &&
                        its.caf_version == detail::caf_version && its.node == from.node &&
                        from.who && its.tag == from.who->tag;
}

bool transport_core::take_part(const std::shared_ptr<peer>& from, const frame_header& header,
                               frame_reader in) {
  if (from->parts.empty()) {
    if (header.mid == 0 || header.mid > frame_bytes_max) return false;
    from->parts_bytes = header.mid;
  }
  if (header.mid != from->parts_bytes || in.left() == 0 ||
      in.left() > from->parts_bytes - from->parts.size())
    return false;
  from->parts.insert(from->parts.end(), in.rest(), in.rest() + in.left());
  if (from->parts.size() < from->parts_bytes) return true;
  const std::vector<std::byte> whole = std::exchange(from->parts, {});
  frame_header first{};
  if (frame_reader{whole.data(), whole.size()}.read(first) && first.kind == frame_kind::part)
    return false;
  return take(from, whole.data(), whole.size());
}

/// The source of a frame: an actor of the sender, or of another process.
bool transport_core::read_source(peer& from, const frame_header& header, frame_reader& in,
                                 caf::strong_actor_ptr& out) {
  if ((header.flags & frame_header::foreign) != 0) {
    wire_node node;
    if (!in.read(node) || !node) return false;
    out = resolve(node, header.source);
  } else if (header.source != 0) {
    auto& last = from.last_source;
    if (last.first != header.source || !last.second)
      last = {header.source, resolve(from.node, header.source)};
    out = last.second;
  }
  return true;
}

/// Reads what came along with a message. `in` is left with the content.
bool transport_core::read_loans(peer& from, const frame_header& header, frame_reader& in,
                                std::vector<shared_bytes>& loans, bool& all_there) {
  if (header.loans > in.left() / sizeof(loan_size)) return false;
  const std::size_t before = in.left() - header.loans * sizeof(loan_size);
  frame_reader sizes = in;
  sizes.skip(before);
  in.cut(before);
  std::vector<loan_size> of(header.loans);
  for (loan_size& size : of) sizes.read(size);
  if ((header.flags & frame_header::lent) != 0) {
    for (const loan_size size : of) {
      shm::payload one = from.arriving.next(from.loans);
      all_there = all_there && one;
      if (one && one.size() != size) return false;
      loans.emplace_back(std::move(one));
    }
    return true;
  }
  std::size_t at = before;
  for (const loan_size size : of) {
    if (size > at) return false;
    at -= size;
  }
  const std::byte* bytes = in.rest() + at;
  in.cut(at);
  for (const loan_size size : of) {
    loans.emplace_back(std::vector<std::byte>(bytes, bytes + size));
    bytes += size;
  }
  return true;
}

caf::expected<caf::message> transport_core::load_message(const frame_header& header,
                                                         frame_reader in,
                                                         std::vector<shared_bytes>& loans) {
  if ((header.flags & frame_header::whole) == 0 || loans.empty()) {
    const unpacking from{loans};
    return load_content(*unit_, in.rest(), in.left());
  }
  const shared_bytes content = std::move(loans.back());
  loans.pop_back();
  const unpacking from{loans};
  return load_content(*unit_, content.bytes().data(), content.size());
}

/// It has opened our pipe of loans.
void transport_core::take_lend(const std::shared_ptr<peer>& from) {
  if (!from->loans) open_loans(*from);
  from->out.send(frame_of({.kind = frame_kind::lent, .mid = from->loans ? 1U : 0U}),
                 outbox::urgency::ahead);
  if (from->loans) use_loans(*from);
}

bool transport_core::take_lent(peer& from, bool it_has) {
  if (!from.loans) return false;
  if (it_has) use_loans(from);
  else from.out.use_loans(nullptr);
  return true;
}

/// Both have opened the pool, and its pipe.
void transport_core::use_loans(peer& with) {
  loan_pool_.open().watch();  // what it holds when it dies is given back at once
  with.out.use_loans(&*with.loans);
}

bool transport_core::take_message(peer& from, const frame_header& header, frame_reader in) {
  caf::strong_actor_ptr source;
  if (!read_source(from, header, in, source)) return false;
  detail::stages through;
  for (unsigned i = 0; i < header.stages; ++i) {
    wire_actor stage{};
    if (!in.read(stage)) return false;
    through.push_back(resolve(stage.node, stage.id));
  }
  const caf::message_id mid{header.mid};
  std::vector<shared_bytes> loans;
  bool all_there = true;
  if (header.loans != 0 && !read_loans(from, header, in, loans, all_there)) return false;
  const reading_handles finds{*unit_, proxies_};
  auto content = !all_there ? caf::expected<caf::message>{make_error(
                                  peer_error::not_decodable, "what was lent with it is gone")}
                            : load_message(header, in, loans);
  if (mid.is_response()) pending_.remove(header.target, mid);
  const auto answer = [&](caf::error reason) {
    if (mid.is_request() && source)
      source->enqueue(
          make_element(nullptr, mid.response_id(), caf::make_message(std::move(reason))), unit_);
  };
  const auto target = system_.registry().get(header.target);
  if (!target) {
    unknown_receivers_.fetch_add(1, std::memory_order_relaxed);
    answer(caf::make_error(caf::sec::request_receiver_down));
  } else if (content) {
    target->enqueue(make_element(std::move(source), mid, std::move(*content), std::move(through)),
                    unit_);
  } else if (mid.is_response()) {
    target->enqueue(
        make_element(std::move(source), mid, caf::make_message(std::move(content.error()))), unit_);
  } else {
    answer(std::move(content.error()));
  }
  received_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool transport_core::take_down(peer& from, const frame_header& header, frame_reader in) {
  caf::error reason;
  const reading_handles finds{*unit_, proxies_};
  if (load(*unit_, in.rest(), in.left(), reason)) return false;
  if (from.last_source.first == header.source) from.last_source = {};
  if (const auto actor = proxies_.get(from.id, header.source)) end_proxy(actor, reason);
  return true;
}

bool transport_core::take_link(peer& from, const frame_header& header, frame_reader in) {
  caf::strong_actor_ptr source;
  if (!read_source(from, header, in, source)) return false;
  const auto target = system_.registry().get(header.target);
  // An actor that has ended says so by itself: who links to it has asked for that.
  if (!source || !target || source == target) return true;
  const linking_for_peer they_know_it;
  if (header.kind == frame_kind::link) add_link(*target->get(), source);
  else remove_link(*target->get(), source);
  return true;
}

bool transport_core::take_moved(const frame_header& header, frame_reader in) {
  wire_node by;
  if (!in.read(by) || !by) return false;
  const caf::message_id mid{header.mid};
  if (by == node_) return pending_.move(header.target, mid, nullptr), true;
  const auto to = peer_of(by);
  if (!pending_.move(header.target, mid, to)) return true;
  attend(to);
  // It may have been buried before it was told that somebody waits for it.
  if (to->is_buried() && pending_.remove(header.target, mid))
    if (const auto requester = system_.registry().get(header.target))
      requester->enqueue(make_element(nullptr, mid.response_id(), caf::make_message(to->reason())),
                         unit_);
  return true;
}

/// The answer goes by way of an actor: it says that the scheduler's threads are alive, too.
void transport_core::take_ping(const std::shared_ptr<peer>& from, std::uint64_t number) {
  caf::anon_send(caf::actor_cast<caf::actor>(services_), ping_atom_v, from->who->tag, number);
}

void transport_core::answer_ping(std::uint32_t tag, std::uint64_t number) {
  defer([this, tag, number] {
    for (const auto& one : connected_)
      if (one->who->tag == tag) tell(*one, {.kind = frame_kind::pong, .mid = number});
  });
}

/// One functor for each actor, however many come and go that want to know.
void transport_core::watch(const std::shared_ptr<peer>& by, caf::actor_id actor) {
  const auto [entry, first] = watchers_.try_emplace(actor);
  auto& peers = entry->second;
  if (std::find(peers.begin(), peers.end(), by) != peers.end()) return;
  const auto found = system_.registry().get(actor);
  if (!found) {
    if (first) watchers_.erase(entry);
    // Behind what it has left to be done: to unlink itself, perhaps.
    return defer([this, by, actor] { tell_down(by, actor, caf::exit_reason::unknown); });
  }
  peers.push_back(by);
  if (first)
    found->get()->attach_functor([weak = weak_from_this(), actor](const caf::error& reason) {
      if (const auto self = weak.lock())
        self->defer([core = self.get(), actor, reason] { core->has_ended(actor, reason); });
    });
}

void transport_core::has_ended(caf::actor_id actor, const caf::error& reason) {
  const auto entry = watchers_.extract(actor);
  if (!entry.empty())
    for (const auto& one : entry.mapped()) tell_down(one, actor, reason);
}

void transport_core::tell_down(const std::shared_ptr<peer>& to, caf::actor_id actor,
                               const caf::error& reason) {
  frame_buffer frame = frame_of({.kind = frame_kind::down, .source = actor});
  const std::size_t before = frame.size();
  if (save(system_, frame, reason)) {
    frame.resize(before);  // its context cannot be told
    if (save(system_, frame, without_context(reason))) return;
  }
  to->out.send(frame, outbox::urgency::protocol);
}

}  // namespace hawser::actors::detail
