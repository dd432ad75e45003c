#include <hawser/shm/detail/door_core.hpp>
#include <hawser/shm/error.hpp>

#include <new>
#include <utility>

namespace hawser::shm::detail {
namespace {

door_layout& layout_of(attachment& self) {
  return *std::launder(reinterpret_cast<door_layout*>(self.body()));
}

constexpr channel_kind_ops door_ops{channel_kind::door, "door",
                                    [](attachment&, std::uint32_t) {},  // nothing is held
                                    [](attachment& self) { layout_of(self).rung.wake(); }};

attach_request segment_request(door_request&& request) {
  attach_request segment;
  segment.name = request.name;
  segment.how = request.how;
  segment.mode = request.mode;
  segment.swept = std::move(request.swept);
  segment.body_bytes = sizeof(door_layout);
  segment.initialise = [](std::byte* body) { new (body) door_layout{}; };
  segment.check = [name = std::move(request.name)](const std::byte*, std::size_t bytes) {
    if (bytes != sizeof(door_layout))
      throw make_error(errc::damaged, "open door", name,
                       "its size does not fit; remove it and start its creator again");
  };
  return segment;
}

}  // namespace

door_core::door_core(door_request request)
    : channel_(door_ops, segment_request(std::move(request))), body_(&layout_of(channel_)) {}

bool door_core::sleep(std::uint32_t key, const deadline& until) {
  body_->waits.fetch_add(1, std::memory_order_relaxed);
  return channel_.sleep(body_->rung.word, key, until);
}

}  // namespace hawser::shm::detail
