#include "journal.hpp"

#include <sqlite3.h>

namespace bank {
namespace {

constexpr const char* schema = R"(
  CREATE TABLE IF NOT EXISTS accounts(
    id INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK(balance >= 0));
  CREATE TABLE IF NOT EXISTS tellers(
    id INTEGER PRIMARY KEY, low INTEGER NOT NULL, done TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS applied(requests INTEGER NOT NULL);
)";

// SQLite's integers have a sign; the bits are the same.
sqlite3_int64 as_signed(std::uint64_t number) { return static_cast<sqlite3_int64>(number); }
std::uint64_t as_unsigned(sqlite3_int64 number) { return static_cast<std::uint64_t>(number); }

}  // namespace

void journal::close_database::operator()(sqlite3* one) const { sqlite3_close(one); }
void journal::finalize::operator()(sqlite3_stmt* one) const { sqlite3_finalize(one); }

void journal::fail(const char* what) const {
  throw journal_error{std::string{"cannot "} + what + " journal \"" + path_ +
                      "\": " + sqlite3_errmsg(database_.get())};
}

journal::journal(const std::string& path, bool create) : path_(path) {
  sqlite3* opened = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
  const int status = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
  database_.reset(opened);
  if (status != SQLITE_OK) fail("open");
  // The bank that was killed may not be quite gone.
  sqlite3_busy_timeout(opened, 5000);
  run("PRAGMA journal_mode = WAL");
  run("PRAGMA synchronous = FULL");  // a commit is on the disk
}

journal::journal(const std::string& path) : journal(path, false) {
  set_balance_ = prepared("UPDATE accounts SET balance = ?2 WHERE id = ?1");
  set_teller_ = prepared(
      "INSERT INTO tellers(id, low, done) VALUES(?1, ?2, ?3) "
      "ON CONFLICT(id) DO UPDATE SET low = ?2, done = ?3");
  set_applied_ = prepared("UPDATE applied SET requests = ?1");
}

journal::~journal() = default;

void journal::prepare(const std::string& path, std::size_t accounts, money balance) {
  journal made{path, true};
  made.run("BEGIN IMMEDIATE");
  made.run(schema);
  const statement count = made.prepared("SELECT count(*) FROM accounts");
  made.step(count);
  if (sqlite3_column_int64(count.get(), 0) == 0) {
    const statement insert = made.prepared("INSERT INTO accounts(id, balance) VALUES(?1, ?2)");
    for (std::size_t id = 0; id < accounts; ++id) {
      sqlite3_bind_int64(insert.get(), 1, as_signed(id));
      sqlite3_bind_int64(insert.get(), 2, balance);
      made.step(insert);
      sqlite3_reset(insert.get());
    }
    made.run("INSERT INTO applied(requests) VALUES(0)");
  }
  sqlite3_reset(count.get());
  made.run("COMMIT");
}

void journal::run(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail("use");
}

journal::statement journal::prepared(const char* sql) {
  sqlite3_stmt* made = nullptr;
  if (sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr) !=
      SQLITE_OK)
    fail("use");
  return statement{made};
}

bool journal::step(const statement& one) {
  const int status = sqlite3_step(one.get());
  if (status != SQLITE_ROW && status != SQLITE_DONE) fail("use");
  return status == SQLITE_ROW;
}

contents journal::read() {
  contents all;
  const statement balances = prepared("SELECT balance FROM accounts ORDER BY id");
  while (step(balances)) all.balances.push_back(sqlite3_column_int64(balances.get(), 0));
  const statement tellers = prepared("SELECT id, low, done FROM tellers");
  while (step(tellers)) {
    const auto* const done = sqlite3_column_text(tellers.get(), 2);
    all.tellers.emplace(as_unsigned(sqlite3_column_int64(tellers.get(), 0)),
                        window{as_unsigned(sqlite3_column_int64(tellers.get(), 1)),
                               reinterpret_cast<const char*>(done)});
  }
  all.applied = applied();
  return all;
}

std::uint64_t journal::applied() {
  const statement requests = prepared("SELECT requests FROM applied");
  return step(requests) ? as_unsigned(sqlite3_column_int64(requests.get(), 0)) : 0;
}

void journal::commit(const accounts& all, const std::map<std::uint64_t, const window*>& tellers,
                     std::uint64_t applied) {
  run("BEGIN IMMEDIATE");
  try {
    const auto once = [&](const statement& one) {
      step(one);
      sqlite3_reset(one.get());
    };
    for (const account_id id : all.changed()) {
      sqlite3_bind_int64(set_balance_.get(), 1, id);
      sqlite3_bind_int64(set_balance_.get(), 2, all.balance(id));
      once(set_balance_);
    }
    for (const auto& [id, its] : tellers) {
      const std::string done = its->bytes();
      sqlite3_bind_int64(set_teller_.get(), 1, as_signed(id));
      sqlite3_bind_int64(set_teller_.get(), 2, as_signed(its->low()));
      sqlite3_bind_text(set_teller_.get(), 3, done.data(), static_cast<int>(done.size()),
                        SQLITE_TRANSIENT);
      once(set_teller_);
    }
    sqlite3_bind_int64(set_applied_.get(), 1, as_signed(applied));
    once(set_applied_);
    run("COMMIT");
  } catch (...) {
    for (const statement* one : {&set_balance_, &set_teller_, &set_applied_})
      sqlite3_reset(one->get());
    sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
}

void journal::forget_tellers() { run("DELETE FROM tellers"); }

}  // namespace bank
