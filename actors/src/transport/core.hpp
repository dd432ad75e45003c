/// The transport of one actor system: its thread, its peers, and what they tell each other.
#pragma once

#include "caf_parts.hpp"
#include "directory.hpp"
#include "inline_unit.hpp"
#include "loans.hpp"
#include "membership.hpp"
#include "peer.hpp"
#include "pending_requests.hpp"
#include "wire.hpp"
#include <hawser/actors/shared_bytes.hpp>
#include <hawser/actors/transport_options.hpp>
#include <hawser/shm/detail/door_core.hpp>

#include <caf/actor_system.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/proxy_registry.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace hawser::actors::detail {

/// One thread reads the pipes of all peers and sleeps at one door (door_layout.hpp); senders write
/// into the pipes themselves. Peers are connected when they are first needed.
///
/// A connection: both have called each other in the directory; the one with the lower tag has made
/// the pipe before it called, the other one then opens it. Each opens the other's door. The first
/// frame is a hello.
///
/// A death is seen by a sweep (of the pipe, the door, the directory), which wakes the thread: it takes
/// what the dead one has committed, ends its proxies, and answers the requests that wait for it.
class transport_core final : public caf::proxy_registry::backend,
                             public std::enable_shared_from_this<transport_core> {
 public:
  /// Opens what the group shares.
  /// Errors     hawser::error, as of a channel.
  transport_core(caf::actor_system& system, transport_options options);
  ~transport_core() override;

  /// Joins the group and starts the thread. The system has its node id. `services` answers other
  /// processes.
  void start(const caf::strong_actor_ptr& services);
  /// Sends what waits, for a second at most; says goodbye; ends the thread and all proxies.
  void stop();

  // core_send.cpp: any thread

  caf::actor_system& system() noexcept { return system_; }
  const transport_options& options() const noexcept { return options_; }
  directory& names() { return *directory_; }
  membership& others() noexcept { return membership_; }
  loan_pool& loans() noexcept { return loan_pool_; }
  const wire_node& node() const noexcept { return node_; }

  /// The handle of an actor, of any process.
  caf::strong_actor_ptr resolve(const wire_node& node, caf::actor_id actor);
  /// Sends a message to an actor of `to`, or answers it with an error.
  void send(const std::shared_ptr<peer>& to, caf::actor_id target, caf::mailbox_element& what,
            context* unit);
  /// Has the transport's thread do it, behind everything it was given before; never after `stop`.
  void defer(std::function<void()> task);
  /// A peer's question whether we are alive has come by way of an actor, which we are.
  void answer_ping(std::uint32_t tag, std::uint64_t number);
  void link(const std::shared_ptr<peer>& to, caf::strong_actor_ptr source, caf::actor_id target,
            bool on);
  /// Answers a request with an error.
  static void refuse(caf::mailbox_element& what, caf::error reason, context* unit);
  /// Makes an actor of ours known by its id, so that others can send to it.
  void remember(const caf::strong_actor_ptr& actor);

  /// Calls when there is room for messages to that process; our own has always some.
  void when_room(const wire_node& node, std::function<void()> callback);
  /// Sends that actor a word when the directory has changed, once.
  void tell_of_change(caf::weak_actor_ptr listener, caf::message word);

  struct counts {
    std::uint64_t sent = 0, received = 0, refused = 0, dropped = 0, lent = 0, not_encodable = 0;
    std::uint64_t unknown_receivers = 0, damaged = 0;
    std::size_t peers = 0, waiting_bytes = 0, pending = 0;
  };
  counts counters() const;

  // caf::proxy_registry::backend, under the registry's mutex.
  caf::strong_actor_ptr make_proxy(caf::node_id node, caf::actor_id actor) override;
  void set_last_hop(caf::node_id*) override {}

 private:
  using clock = peer::clock;

  // core.cpp: the thread
  void run();
  bool run_tasks();
  bool has_news();
  void wake() noexcept;
  void say_goodbye();
  void guard();
  void wake_guard();
  bool run_woken(inline_unit& unit);
  void start_worker(std::unique_ptr<inline_unit> unit);
  void join_former_workers();
  void tell_moved(const wire_node& asker, caf::actor_id requester, std::uint64_t mid,
                  const wire_node& by);

  // core_peers.cpp: who is there
  std::string directory_name(const std::string& rest) const;
  std::string own_name(const std::string& rest) const;
  std::string name_of(uid_t user, const std::string& rest) const;
  std::shared_ptr<peer> peer_of(const wire_node& node);
  std::vector<std::shared_ptr<peer>> all_peers() const;
  void refresh();
  void clear_away() const;
  caf::error why_not_there(const wire_node& node) const;
  void tell_listeners();
  void connect(const std::shared_ptr<peer>& to);
  std::unique_ptr<shm::detail::pipe_core> open_pipe(peer& to);
  void check_user(const directory::member& who) const;
  void attend(const std::shared_ptr<peer>& to);
  void open_loans(peer& to);
  void attend_later(const wire_node& node);
  void bury(const std::shared_ptr<peer>& dead, caf::error reason);
  void end_proxy(const caf::strong_actor_ptr& actor, const caf::error& reason);
  shm::detail::deadline next_look() const;
  bool looks_for_hung() const;
  void look_at_clock();
  void check_heartbeat(const std::shared_ptr<peer>& of, clock::time_point now);

  // core_frames.cpp: what is told
  bool read(const std::shared_ptr<peer>& from);
  bool take(const std::shared_ptr<peer>& from, const std::byte* data, std::size_t bytes);
  bool take_hello(peer& from, frame_reader in);
  bool take_part(const std::shared_ptr<peer>& from, const frame_header& header, frame_reader in);
  bool read_loans(peer& from, const frame_header& header, frame_reader& in,
                  std::vector<shared_bytes>& loans, bool& all_there);
  caf::expected<caf::message> load_message(const frame_header& header, frame_reader in,
                                           std::vector<shared_bytes>& loans);
  void take_lend(const std::shared_ptr<peer>& from);
  bool take_lent(peer& from, bool it_has);
  void use_loans(peer& with);
  bool take_message(peer& from, const frame_header& header, frame_reader in);
  bool take_down(peer& from, const frame_header& header, frame_reader in);
  bool take_link(peer& from, const frame_header& header, frame_reader in);
  bool take_moved(const frame_header& header, frame_reader in);
  void take_ping(const std::shared_ptr<peer>& from, std::uint64_t number);
  bool read_source(peer& from, const frame_header& header, frame_reader& in,
                   caf::strong_actor_ptr& out);
  void watch(const std::shared_ptr<peer>& by, caf::actor_id actor);
  void has_ended(caf::actor_id actor, const caf::error& reason);
  void tell_down(const std::shared_ptr<peer>& to, caf::actor_id actor, const caf::error& reason);
  void tell(peer& to, const frame_header& header) {
    to.out.send(frame_of(header), outbox::urgency::protocol);
  }
  static frame_buffer frame_of(const frame_header& header);

  caf::actor_system& system_;
  const transport_options options_;
  wire_node node_;
  const std::uint64_t serial_;  // among the cores of this process
  loan_pool loan_pool_;
  caf::strong_actor_ptr services_;
  caf::proxy_registry proxies_;
  pending_requests pending_;
  membership membership_;

  std::unique_ptr<shm::detail::door_core> door_;
  std::unique_ptr<directory> directory_;

  // The last one is at work; those before it each have a job that did not come back yet.
  struct worker {
    std::unique_ptr<inline_unit> unit;
    std::thread thread;
  };
  std::deque<worker> workers_;
  std::deque<std::unique_ptr<inline_unit>> former_units_;  // actors remember who ran them last
  inline_unit* unit_ = nullptr;
  std::thread guard_;
  std::mutex guard_mutex_;
  std::condition_variable guard_wanted_;
  std::atomic<bool> guard_sleeps_{false};
  std::atomic<std::uint64_t> runs_{0};  // of the unit

  std::atomic<bool> changed_{true};         // somebody has come, gone, called or died
  std::atomic<bool> somebody_died_{false};  // whom we have swept from the directory
  std::atomic<bool> stopping_{false};

  std::mutex tasks_mutex_;
  std::vector<std::function<void()>> tasks_;
  std::atomic<bool> has_tasks_{false};
  bool takes_tasks_ = false;

  mutable std::mutex peers_mutex_;
  std::vector<std::shared_ptr<peer>> peers_;  // those not buried
  outbox::counts buried_counts_{};            // of all others
  bool stopped_ = false;

  std::mutex listeners_mutex_;
  std::vector<std::pair<caf::weak_actor_ptr, caf::message>> listeners_;

  std::mutex remembered_mutex_;
  std::set<caf::actor_id> remembered_;  // in CAF's registry, by us

  // The thread's.
  std::vector<std::shared_ptr<peer>> connected_;
  std::map<caf::actor_id, std::vector<std::shared_ptr<peer>>> watchers_;  // of our actors
  std::deque<std::pair<wire_node, caf::error>> reasons_;                  // of those buried last
  std::map<std::uint32_t, clock::time_point>
      lost_;  // when, by tag: members we are not connected with; 0: a look that failed
  shm::async_wait_handle directory_wait_;
  clock::time_point looked_{};

  std::atomic<std::uint64_t> received_{0}, unknown_receivers_{0}, damaged_{0}, not_encodable_{0};
};

}  // namespace hawser::actors::detail
