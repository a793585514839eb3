# Cycles of one draw, estimated: the instructions that QEMU executed between two readings of the clock, by the
# costs of cycles.txt.
#
#   awk -v board=qemu-mps2-an386 -f cycles.awk cycles.txt DISASSEMBLY FS=/ TRACE
#
# DISASSEMBLY is what `llvm-objdump -d --demangle --no-show-raw-insn` says of the program `sample`, TRACE what
# QEMU's `-singlestep -d exec,nochain` says while it runs. The clock is read before and after nothing, then
# before and after a draw: what is between the first two readings is taken off what is between the others.
# Prints the instructions and their cycles.

FNR == 1 { file++ }

# The costs.
file == 1 {
    if ($1 == "board") for (i = 2; i <= NF; i++) if ($i == board) column = i
    if (NF && !/^#/) costs[$1] = $column
    next
}

# The program: by its address an instruction, its operands, and the one that follows.
file == 2 {
    if (/^[0-9a-f]+ <.*arch::(clock::)?ticks/) clock = $1
    if (!/^ *[0-9a-f]+:[ \t]/) next
    address = substr("00000000" $1, length($1)); sub(/:/, "", address)
    follows[last] = address; precedes[address] = last; last = address
    name[address] = $2
    sub(/^[^\t]*\t[^\t]*\t?/, ""); sub(/ *[<@].*/, "")
    operands[address] = $0
    next
}

# The trace: `Trace 0: HOST [FLAGS/ADDRESS/FLAGS/FLAGS] NAME`. An instruction that was stopped comes again.
NF < 4 { if (/^Stopped/) came = ""; else said = $0; next }
came != "" {
    if (weight) {
        ran[at] += weight
        if (came != follows[at]) went()
        else if (at == predicted) { taken += weight; predicted = "" }
    }
    if (at == clock) {
        weight = ++readings == 1 ? -1 : readings == 3
        if (readings == 4) exit
    }
    at = came
}
{ came = $2 }

function went() {
    taken += weight
    jumps[at] += weight
    entered[came] += weight
    if (at == predicted) taken -= weight
    # What a Hazard3 remembers: the last branch backwards that was taken.
    else if (board ~ /rv32/ && name[at] ~ /^b/ && came < at) predicted = at
}

END {
    if (readings != 4) fail("the clock was read " readings + 0 " times of the four around a draw; " said)
    for (address in ran) {
        n = ran[address]
        instructions += n
        if (!(address in name)) fail("no instruction at " address ", which was executed")
        cycles += n * cost(class(address))
        before = precedes[address]
        if (before != "") cycles += (n - entered[address]) * neighbours(before, address)
        # Entered from elsewhere, four bytes long and not aligned to them.
        if (address ~ /[26ae]$/ && digit(follows[address]) == (digit(address) + 4) % 16)
            cycles += entered[address] * cost("taken_misaligned")
        if (name[address] ~ /^bl$/) cycles += jumps[address] * cost("taken_call")
        if (name[address] ~ /^pop/) cycles += jumps[address] * cost("taken_pop")
    }
    print instructions, cycles + taken * cost("taken")
}

function fail(what) {
    print "error: " board ": " what >"/dev/stderr"
    exit 1
}

function digit(address) { return index("123456789abcdef", substr(address, length(address))) }

# Of a kind of instructions, of `words` words where that matters.
function cost(kind) {
    if (costs[kind] == "1+n") return 1 + words
    if (costs[kind] !~ /^-?[0-9]+$/)
        fail("cycles.txt has no cycles of " kind ", as is " name[address] " " operands[address])
    return costs[kind]
}

# The class of the instruction at an address, and in `words` how many it loads or stores.
function class(address,    of, with, list) {
    of = name[address]; with = operands[address]
    if (board ~ /rv32/) {
        if (of ~ /^l[bhw]u?$/) return "load"
        if (of ~ /^s[bhw]$/) return "store"
        if (of ~ /^mul/) return of ~ /h/ ? "multiply_long" : "multiply"
        return of ~ /^(div|rem)/ ? "divide" : of ~ /^(csr|rdtime)/ ? "system" : "other"
    }
    words = 1
    if (match(with, /\{.*\}/)) {
        list = substr(with, RSTART, RLENGTH)
        words = (gsub(/,/, "", list) + 1) * (list ~ /d/ ? 2 : 1)
        return "multiple"
    }
    if (of ~ /^(ldr|str)d/ || of ~ /^v(ldr|str)/ && with ~ /^d/) words = 2
    if (words == 2 || of ~ /^v(ldr|str)/) return "multiple"
    if (of ~ /^ldr/) return "load"
    if (of ~ /^str/) return with ~ /\[[^],]*, r/ ? "store_indexed" : "store"
    if (of ~ /^v(div|sqrt)/) return "float_divide"
    if (of ~ /^v(fn?m[as]|n?ml[as])/) return "float_multiply_add"
    if (of ~ /^vmov/ && with ~ /,.*,/) return "float_move_two"
    if (of ~ /^v/) return "float"
    if (of ~ /^mul/) return "multiply"
    if (of ~ /^ml[as]/) return "multiply_add"
    if (of ~ /^[us]mull/) return "multiply_long"
    if (of ~ /^[us]mlal/) return "multiply_add_long"
    if (of ~ /^[us]div/) return "divide"
    if (of ~ /^tb[bh]/) return "table_branch"
    return of ~ /^(mrs|msr|dsb|dmb|isb|cps)/ ? "system" : "other"
}

# What an instruction takes more after the one that precedes it.
function neighbours(before, after,    first, then, made, sources) {
    first = class(before); then = class(after)
    made = operands[before]; sub(/,.*/, "", made)
    sources = operands[after]
    if (board ~ /rv32/) {
        if (then == "store") sub(/.*\(/, "", sources)
        else if (name[after] !~ /^[bj]/) sub(/^[^,]*/, "", sources)
        return first == "load" && has(sources, made) ? cost("uses_load") : 0
    }
    if (first ~ /^float/ && name[before] !~ /^v(mov|mrs|msr|cmp)/) {
        if (then != "float_multiply_add" && name[after] !~ /^v(cmp|st|push)/) sub(/^[^,]*/, "", sources)
        return has(sources, made) ? cost("uses_float") : 0
    }
    # The address: in brackets, or a list's first operand.
    if (!match(sources, /\[.*\]/) && !match(sources, /^[^,]*,.*\{/)) return 0
    sources = substr(sources, RSTART, RLENGTH); sub(/\{.*/, "", sources)
    if (!has(sources, made)) return first == "load" && then ~ /^(load|store_indexed)$/ ? cost("load_after_load") : 0
    if (name[before] ~ /^(cmp|cmn|cb|tst|teq)/) return 0
    return first ~ /^(other|multiply|divide)/ ? cost("address_just_made") : 0
}

function has(operands, register) {
    gsub(/[^a-z0-9]+/, " ", operands)
    return index(" " operands " ", " " register " ")
}
