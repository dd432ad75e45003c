/// Names and lifetimes of segments: what all channels have in common.
///
/// A channel is a named object in a segment of its own. The name is unique per user and has
/// 1 to 200 characters out of `A-Z a-z 0-9 . _ -`, the first one not a dot. `~user/name`
/// opens the channel of another user, if its mode allows that.
///
/// A channel lives as long as a process is attached: the last one to leave removes it. If the
/// last one was killed, the segment is *stale*, and the next creator of the name replaces it.
/// With `keep` set it outlives its processes, with everything that was committed, until
/// `remove`, or until the machine stops.
#pragma once

#include <hawser/shm/error.hpp>

#include <boost/interprocess/creation_tags.hpp>

#include <cstddef>
#include <string_view>

namespace hawser {

using boost::interprocess::create_only;
using boost::interprocess::create_only_t;
using boost::interprocess::open_only;
using boost::interprocess::open_only_t;
using boost::interprocess::open_or_create;
using boost::interprocess::open_or_create_t;

namespace shm {

/// Removes the name of a channel. Attached processes go on with it until they leave.
///
/// Returns    Whether there was one.
/// Errors     `bad_name`, `permission_denied`, `busy`.
/// Threads    Any.
bool remove(std::string_view name);

/// Removes this user's stale segments, left by processes that were all killed, whose names begin
/// with `name_prefix`: a program names its own, "" means all of them.
///
/// Returns    How many.
/// Errors     `no_resources`: no descriptor or memory is left to look with. Others if /dev/shm
///            itself cannot be read.
/// Threads    Any; also while others create and open segments.
std::size_t remove_stale(std::string_view name_prefix);

}  // namespace shm
}  // namespace hawser
