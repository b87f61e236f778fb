-- SPDX-License-Identifier: Apache-2.0
--
-- Shows SPEAD in Wireshark and tshark: flavour, item pointers, descriptors and values, over UDP and TCP,
-- and follows heaps from packet to packet. What is in several packets is not put together: values are
-- shown where they lie within one.

local spead = Proto("spead", "SPEAD")

local RESERVED = {
    [0x00] = "null", [0x01] = "heap cnt", [0x02] = "heap length", [0x03] = "payload offset",
    [0x04] = "payload length", [0x05] = "descriptor", [0x06] = "stream control",
    [0x10] = "descriptor name", [0x11] = "descriptor description", [0x12] = "descriptor shape",
    [0x13] = "descriptor format", [0x14] = "descriptor ID", [0x15] = "descriptor dtype",
}
local CONTROL = { [0] = "start of stream", [1] = "descriptors again", [2] = "stop of stream",
                  [3] = "descriptors changed" }
local PREFIX = 8
local MOST_VALUES = 8 -- how many elements of an array are shown

local f = {
    flavour = ProtoField.string("spead.flavour", "Flavour"),
    version = ProtoField.uint8("spead.version", "Version"),
    id_bytes = ProtoField.uint8("spead.id_bytes", "Bytes of an item ID"),
    address_bytes = ProtoField.uint8("spead.address_bytes", "Bytes of an address"),
    pointers = ProtoField.uint16("spead.pointers", "Item pointers"),
    cnt = ProtoField.uint64("spead.heap.cnt", "Heap cnt"),
    length = ProtoField.uint64("spead.heap.length", "Heap length"),
    offset = ProtoField.uint64("spead.payload.offset", "Payload offset"),
    size = ProtoField.uint64("spead.payload.length", "Payload length"),
    item = ProtoField.uint32("spead.item.id", "Item", base.HEX),
    immediate = ProtoField.uint64("spead.item.immediate", "Immediate", base.DEC_HEX),
    address = ProtoField.uint64("spead.item.address", "Address"),
    name = ProtoField.string("spead.item.name", "Name"),
    value = ProtoField.string("spead.item.value", "Value"),
    control = ProtoField.string("spead.control", "Stream control"),
    described = ProtoField.string("spead.descriptor", "Descriptor"),
    payload = ProtoField.bytes("spead.payload", "Payload"),
    first = ProtoField.framenum("spead.heap.first_frame", "First packet of this heap"),
    previous = ProtoField.framenum("spead.heap.previous_frame", "Previous packet of this heap"),
    packets = ProtoField.uint32("spead.heap.packets", "Packets of this heap until here"),
    received = ProtoField.uint64("spead.heap.received", "Payload of this heap until here"),
    complete = ProtoField.bool("spead.heap.complete", "Heap is complete"),
}
spead.fields = f
local bad = ProtoExpert.new("spead.bad", "Malformed SPEAD packet", expert.group.MALFORMED,
                            expert.severity.ERROR)
spead.experts = { bad }

-- What earlier packets said, a table a capture: heaps by stream and cnt, what was known of a heap at
-- each frame (packets are shown again in any order), and descriptors by stream and item.
local heaps, at_frame, descriptors

function spead.init()
    heaps, at_frame, descriptors = {}, {}, {}
end

local function is_spead(tvb)
    if tvb:len() < PREFIX or tvb(0, 1):uint() ~= 0x53 or tvb(1, 1):uint() ~= 4 then return false end
    local id, address = tvb(2, 1):uint(), tvb(3, 1):uint()
    return id + address == 8 and id > 0 and address > 0 and tvb(4, 2):uint() == 0
end

-- The pointers of a packet as { id, immediate, value (a number), range }; nil if they are cut off.
local function read_pointers(tvb)
    local id_bytes, address_bytes = tvb(2, 1):uint(), tvb(3, 1):uint()
    local count, pointers = tvb(6, 2):uint(), {}
    if tvb:len() < PREFIX + 8 * count then return nil end
    for i = 0, count - 1 do
        local range = tvb(PREFIX + 8 * i, 8)
        local id = 0
        for b = 0, id_bytes - 1 do
            local byte = range(b, 1):uint()
            if b == 0 then byte = byte % 128 end
            id = id * 256 + byte
        end
        local value = range(id_bytes, address_bytes):uint64()
        pointers[#pointers + 1] = {
            id = id, immediate = range(0, 1):uint() >= 128, big = value, value = value:tonumber(),
            range = range, value_range = range(id_bytes, address_bytes),
        }
    end
    return pointers
end

local function immediate_of(pointers, id)
    for _, p in ipairs(pointers) do
        if p.id == id and p.immediate then return p end
    end
end

-- Gives each addressed item the piece of payload it has: to the next address, or the heap's end.
local function set_ends(pointers, heap_length)
    local starts = {}
    for _, p in ipairs(pointers) do
        if not p.immediate then starts[#starts + 1] = p.value end
    end
    table.sort(starts)
    for _, p in ipairs(pointers) do
        if not p.immediate then
            p.last = heap_length or p.value
            for _, start in ipairs(starts) do
                if start > p.value then p.last = start break end
            end
        end
    end
end

-- The part of an item that is in this packet as a range, if all of it is.
local function piece(tvb, p, header, offset, size)
    if not p.last or p.value < offset or p.last > offset + size or p.last <= p.value then return nil end
    if header + p.last - offset > tvb:len() then return nil end
    return tvb(header + p.value - offset, p.last - p.value)
end

-- What a descriptor's heap says: { id, name, description, dtype, format }.
local function read_descriptor(tvb)
    if not is_spead(tvb) then return nil end
    local pointers = read_pointers(tvb)
    if not pointers then return nil end
    local length = immediate_of(pointers, 2)
    set_ends(pointers, length and length.value)
    local header, found = PREFIX + 8 * #pointers, {}
    local shape, fields = "()", {}
    for _, p in ipairs(pointers) do
        local data = not p.immediate and piece(tvb, p, header, 0, length and length.value or 0)
        if p.id == 0x14 and p.immediate then found.id = p.value
        elseif data and p.id == 0x10 then found.name = data:string()
        elseif data and p.id == 0x11 then found.description = data:string()
        elseif data and p.id == 0x15 then
            found.dtype = data:string():match("'descr':%s*'([^']*)'")
            found.header = data:string():gsub("%s+$", "")
        elseif data and p.id == 0x13 then
            local size = 1 + 8 - tvb(3, 1):uint()
            for at = 0, data:len() - size, size do
                found.kind = data(at, 1):string()
                found.bits = data(at + 1, size - 1):uint()
                fields[#fields + 1] = found.kind .. found.bits
            end
        elseif data and p.id == 0x12 then
            local size, sizes = 1 + tvb(3, 1):uint(), {}
            for at = 0, data:len() - size, size do
                local variable = data(at, 1):uint() % 2 == 1
                sizes[#sizes + 1] = variable and "?" or tostring(data(at + 1, size - 1):uint64())
            end
            shape = "(" .. table.concat(sizes, ", ") .. ")"
        end
    end
    found.fields = #fields
    found.text = string.format("%s (0x%x): %s; shape %s; %s", found.name or "?", found.id or 0,
                               found.description or "", shape,
                               found.header or table.concat(fields, " "))
    return found.id and found or nil
end

-- How a number of a type is read from a range; nil where it is not known.
local function reader_of(descriptor)
    local order, kind, size = (descriptor.dtype or ""):match("^([<>|=]?)([iufcbSa])(%d+)$")
    if kind then
        size = tonumber(size)
    elseif descriptor.fields == 1 and descriptor.bits and descriptor.bits % 8 == 0 then
        order, kind, size = ">", descriptor.kind, descriptor.bits / 8
        if kind == "c" then kind = "S" end
    else
        return nil
    end
    local little = order ~= ">"
    if kind == "S" or kind == "a" then return "text" end
    if kind == "c" then
        local half = size / 2
        local function part(r) return little and r:le_float() or r:float() end
        if half ~= 4 and half ~= 8 then return nil end
        return function(r)
            return string.format("%g%+gj", part(r(0, half)), part(r(half, half)))
        end, size
    end
    if kind == "f" and (size == 4 or size == 8) then
        return function(r) return string.format("%g", little and r:le_float() or r:float()) end, size
    end
    if (kind == "i" or kind == "u") and size >= 1 and size <= 8 then
        local method = (little and "le_" or "") .. (kind == "u" and "u" or "") .. "int"
        if size > 4 then method = method .. "64" end
        return function(r) return tostring(r[method](r)) end, size
    end
    return nil
end

local function value_of(range, descriptor)
    local read, size = reader_of(descriptor)
    if not read then return nil end
    if read == "text" then return range:string() end
    local values, count = {}, math.floor(range:len() / size)
    for i = 0, math.min(count, MOST_VALUES) - 1 do
        values[#values + 1] = read(range(i * size, size))
    end
    local text = table.concat(values, " ")
    if count > MOST_VALUES then text = text .. " ... (" .. count .. ")" end
    return text
end

-- Notes a packet of a heap the first time it is seen; returns what was known after it.
local function follow(pinfo, stream, cnt, length, size, index)
    local frame = pinfo.number .. "/" .. index
    if at_frame[frame] then return at_frame[frame] end
    local key = stream .. "/" .. tostring(cnt)
    local heap = heaps[key]
    if not heap or heap.complete then
        heap = { first = pinfo.number, packets = 0, received = 0 }
        heaps[key] = heap
    end
    local state = { first = heap.first, previous = heap.last }
    heap.last = pinfo.number
    heap.packets = heap.packets + 1
    heap.received = heap.received + size
    heap.complete = length ~= nil and heap.received >= length
    state.packets, state.received, state.complete = heap.packets, heap.received, heap.complete
    at_frame[frame] = state
    return state
end

local function show_pointer(tree, tvb, p, stream, header, offset, size, address_bits)
    local known = descriptors[stream .. "/" .. p.id]
    local name = RESERVED[p.id] or (known and known.name)
    local node = tree:add(p.range, string.format("Item 0x%x", p.id) .. (name and " " .. name or ""))
    node:add(f.item, p.range, p.id)
    if name then node:add(f.name, p.range, name):set_generated() end
    if p.immediate then
        node:add(f.immediate, p.value_range, p.big)
        node:append_text(" = " .. tostring(p.big))
        if p.id == 6 then
            local text = CONTROL[p.value] or "unknown"
            node:add(f.control, p.value_range, text)
            node:append_text(" (" .. text .. ")")
        elseif known then
            local read, bytes = reader_of(known)
            if read and read ~= "text" and bytes <= p.value_range:len() then
                local at = p.value_range:len() - bytes
                local text = read(p.value_range(at, bytes))
                node:add(f.value, p.value_range, text)
            end
        end
        return
    end
    node:add(f.address, p.value_range, p.big)
    node:append_text(" at " .. tostring(p.big))
    local data = piece(tvb, p, header, offset, size)
    if not data then return end
    if p.id == 5 then
        local found = read_descriptor(data:tvb())
        if found then
            descriptors[stream .. "/" .. found.id] = found
            node:add(f.described, data, found.text)
        end
    elseif known then
        local text = value_of(data, known)
        if text then node:add(f.value, data, text) end
    end
end

-- Shows one packet that begins the buffer; returns its length.
local function show(tvb, pinfo, root, index)
    local pointers = read_pointers(tvb)
    if not pointers then
        root:add(spead, tvb()):add_proto_expert_info(bad, "item pointers are cut off")
        return tvb:len()
    end
    local function number(id)
        local p = immediate_of(pointers, id)
        return p and p.value
    end
    local cnt, length = immediate_of(pointers, 1), number(2)
    local offset, size = number(3) or 0, number(4) or 0
    local header = PREFIX + 8 * #pointers
    local whole = math.min(header + size, tvb:len())
    local address_bits = 8 * tvb(3, 1):uint()
    local tree = root:add(spead, tvb(0, whole))
    tree:append_text(", SPEAD-64-" .. address_bits .. ", heap " .. tostring(cnt and cnt.big or "?"))
    tree:add(f.flavour, tvb(0, 8), "SPEAD-64-" .. address_bits)
    tree:add(f.version, tvb(1, 1))
    tree:add(f.id_bytes, tvb(2, 1))
    tree:add(f.address_bytes, tvb(3, 1))
    tree:add(f.pointers, tvb(6, 2))
    for id, field in pairs({ f.cnt, f.length, f.offset, f.size }) do
        local p = immediate_of(pointers, id)
        if p then tree:add(field, p.value_range, p.big) end
    end
    if header + size > tvb:len() then
        tree:add_proto_expert_info(bad, "payload is cut off")
    end
    local stream = tostring(pinfo.src) .. ":" .. pinfo.src_port .. ">" .. tostring(pinfo.dst) .. ":" ..
                   pinfo.dst_port
    set_ends(pointers, length)
    -- Descriptors first: they may describe what comes before them.
    local list = tree:add(tvb(PREFIX, header - PREFIX), "Item pointers")
    local order = {}
    for _, p in ipairs(pointers) do if p.id == 5 and not p.immediate then order[#order + 1] = p end end
    for _, p in ipairs(pointers) do if p.id ~= 5 or p.immediate then order[#order + 1] = p end end
    for _, p in ipairs(order) do
        if p.id == 0 or p.id > 4 then
            show_pointer(list, tvb, p, stream, header, offset, size, address_bits)
        end
    end
    if whole > header then tree:add(f.payload, tvb(header, whole - header)) end
    if cnt then
        local state = follow(pinfo, stream, cnt.big, length, size, index)
        tree:add(f.first, state.first):set_generated()
        if state.previous then tree:add(f.previous, state.previous):set_generated() end
        tree:add(f.packets, state.packets):set_generated()
        tree:add(f.received, UInt64(state.received)):set_generated()
        tree:add(f.complete, state.complete):set_generated()
    end
    pinfo.cols.protocol = "SPEAD"
    local text = string.format("Heap %s, %d bytes at %d", tostring(cnt and cnt.big or "?"), size, offset)
    if length then text = text .. " of " .. length end
    local control = immediate_of(pointers, 6)
    if control then text = text .. ", " .. (CONTROL[control.value] or "control") end
    if index == 0 then pinfo.cols.info = text else pinfo.cols.info:append("; " .. text) end
    return whole
end

-- The length of the packet that begins the buffer; nil if more bytes are needed to know.
local function packet_length(tvb)
    if tvb:len() < PREFIX then return nil end
    local pointers = read_pointers(tvb)
    if not pointers then return nil end
    local size = immediate_of(pointers, 4)
    return PREFIX + 8 * #pointers + (size and size.value or 0)
end

function spead.dissector(tvb, pinfo, root)
    if not is_spead(tvb) then return 0 end
    return show(tvb, pinfo, root, 0)
end

local function dissect_tcp(tvb, pinfo, root)
    local done, index = 0, 0
    while done < tvb:len() do
        local rest = tvb(done):tvb()
        if rest:len() >= PREFIX and not is_spead(rest) then return done end
        local length = packet_length(rest)
        if not length or length > rest:len() then
            pinfo.desegment_offset = done
            pinfo.desegment_len = length and length - rest:len() or DESEGMENT_ONE_MORE_SEGMENT
            return tvb:len()
        end
        done = done + show(rest, pinfo, root, index)
        index = index + 1
    end
    return done
end

spead:register_heuristic("udp", function(tvb, pinfo, root)
    if not is_spead(tvb) then return false end
    spead.dissector(tvb, pinfo, root)
    return true
end)

local over_tcp = Proto("spead_tcp", "SPEAD over TCP")
function over_tcp.dissector(tvb, pinfo, root)
    return dissect_tcp(tvb, pinfo, root)
end
over_tcp:register_heuristic("tcp", function(tvb, pinfo, root)
    if not is_spead(tvb) then return false end
    pinfo.conversation = over_tcp -- packets need not begin where segments do
    dissect_tcp(tvb, pinfo, root)
    return true
end)
