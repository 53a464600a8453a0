// A spiking network in Loihi's fixed-point arithmetic: one core that takes its neurons and synapses in turn.
//
// Numbers in network_sizes.vh; tables in *.hex, read from the folder that the tools run in. Every memory has one port
// to read, with a register behind it, and one to write, as block RAM has.
//
// An address is 32 * word + bit: every input and every population begins at a word of its own, which network_sizes.vh
// lists, inputs first. While `ready`, spikes of the coming step come in by in_valid and in_address, in any order, each
// taken in a clock in which in_ready is high; `go`, with in_valid low, runs a step. In it spikes leave by out_valid,
// out_ready and out_address; `done` is high in the clock after it. A synapse takes a clock, and so does a neuron.
//
// The order of a step is that of the C program: population by population, the spikes that arrive, projection by
// projection; timed clears; the neurons.
`default_nettype none
`include "network_sizes.vh"

module network (
    input  wire                        clock,
    input  wire                        reset,
    output wire                        ready,
    input  wire                        in_valid,
    output wire                        in_ready,
    input  wire [`NETWORK_ADDRESS-1:0] in_address,
    input  wire                        go,
    output wire                        done,
    output wire                        out_valid,
    input  wire                        out_ready,
    output wire [`NETWORK_ADDRESS-1:0] out_address,
    input  wire [`NETWORK_ADDRESS-1:0] v_address,  // while ready: a neuron, whose v is there a clock later
    output wire signed [23:0]          v_out
);
    localparam ADDRESS = `NETWORK_ADDRESS, WORD = ADDRESS - 5, SLOT = `NETWORK_SLOT, PLACE = `NETWORK_PLACE;
    localparam POPULATION = `NETWORK_POPULATION, PROJECTION = `NETWORK_PROJECTION, PERIOD = `NETWORK_PERIOD;
    localparam ROW = `NETWORK_ROW, SYNAPSE = `NETWORK_SYNAPSE, SUM = `NETWORK_SUM, U = `NETWORK_U;
    localparam WIDE = U + 7;
    localparam [WORD-1:0] INPUT_WORDS = `NETWORK_INPUT_WORDS;
    localparam [PLACE-1:0] INPUTS = `NETWORK_INPUT_WORDS, NEURONS = `NETWORK_NEURONS, PLACES = `NETWORK_PLACES;
    localparam [POPULATION-1:0] LAST_POPULATION = `NETWORK_POPULATIONS - 1;

    localparam [3:0] CLEAR = 0, IDLE = 1, INPUT = 2, POPULATE = 3, PROJECT = 4, SCAN = 5, BITS = 6, SYNAPSES = 7,
                     HALVE = 8, UPDATE = 9, EMIT = 10, SEND = 11, FORGET = 12, LAST = 13;
    reg [3:0] state;
    reg       second;  // not the first clock of a state: what it reads is there

    // ---- tables
    reg [2*ADDRESS+2*PROJECTION+2*PERIOD:0] populations [0:`NETWORK_POPULATIONS-1];
    reg [2*WORD+SLOT+ROW+6:0]               projections [0:`NETWORK_PROJECTIONS-1];
    reg [2*SYNAPSE-1:0]                     rows        [0:`NETWORK_ROWS-1];
    reg [ADDRESS+8:0]                       synapses    [0:`NETWORK_SYNAPSES-1];
    reg [125:0]                             neurons     [0:`NETWORK_NEURONS-1];
    initial begin
        $readmemh("populations.hex", populations);
        $readmemh("projections.hex", projections);
        $readmemh("rows.hex", rows);
        $readmemh("synapses.hex", synapses);
        $readmemh("neurons.hex", neurons);
    end
    reg [POPULATION-1:0] population;
    reg [PROJECTION-1:0] projection;
    reg [SYNAPSE-1:0]    synapse;
    reg [2*ADDRESS+2*PROJECTION+2*PERIOD:0] population_row;
    reg [2*WORD+SLOT+ROW+6:0]               projection_row;
    reg [2*SYNAPSE-1:0]                     line_row;
    reg [ADDRESS+8:0]                       synapse_row;
    reg [125:0]                             neuron_row;

    // of a population: its first neuron, size, incoming projections, clears
    wire [ADDRESS-1:0]    begins, size;
    wire [PROJECTION-1:0] first, behind;
    wire [PERIOD-1:0]     period, offset;
    wire                  clears;
    assign {begins, size, first, behind, period, offset, clears} = population_row;
    // of a projection: first word and words of its source, delay, first row, exponent
    wire [WORD-1:0] source, source_words;
    wire [SLOT-1:0] delay;
    wire [ROW-1:0]  first_row;
    wire [2:0]      doublings;
    wire [3:0]      halvings;
    assign {source, source_words, delay, first_row, doublings, halvings} = projection_row;
    // of a line: its first synapse, and how many it has; of a synapse: its neuron in the population, and weight
    wire [SYNAPSE-1:0] line_first, line_synapses;
    wire [ADDRESS-1:0] target;
    assign {line_first, line_synapses} = line_row;
    assign target = synapse_row[ADDRESS+8:9];
    // of a neuron
    wire [12:0]        decay_u, decay_v;
    wire [23:0]        threshold;
    wire signed [20:0] bias;
    wire [5:0]         hold;
    wire               subtract;
    wire signed [23:0] start_u, start_v;
    assign {decay_u, decay_v, threshold, bias, hold, subtract, start_u, start_v} = neuron_row;

    // ---- state
    reg [31:0]           spikes  [0:(1<<(SLOT+WORD))-1];
    reg signed [U-1:0]   us      [0:`NETWORK_NEURONS-1];
    reg signed [23:0]    vs      [0:`NETWORK_NEURONS-1];
    reg [5:0]            lefts   [0:`NETWORK_NEURONS-1];  // steps in which v still stays
    reg signed [SUM-1:0] sums    [0:`NETWORK_NEURONS-1];
    reg signed [SUM-1:0] scratch [0:`NETWORK_NEURONS-1];  // sums of one projection, if they are halved
    reg [PERIOD-1:0]     phases  [0:`NETWORK_POPULATIONS-1];  // steps to the next clear
    reg [31:0]           spikes_q;
    reg signed [U-1:0]   u_q;
    reg signed [23:0]    v_q;
    reg [5:0]            left_q;
    reg signed [SUM-1:0] sum_q, scratch_q;

    reg [SLOT-1:0]     now;
    reg [PLACE-1:0]    at;       // neuron of the population, or place to clear
    reg [WORD-1:0]     word;     // of the source or population
    reg [31:0]         bits;     // spikes of the word that are still to be taken
    reg [SYNAPSE-1:0]  many;     // synapses of the line that are still to be read
    reg                due;      // the population is cleared in this step
    reg [31:0]         spiking;  // neurons of the word that have spiked so far
    reg                busy;     // the clock before read a synapse or a neuron,
    reg                adds;     // and the one before that a synapse
    reg [PLACE-1:0]    was;      // the place that was read in the clock before
    reg signed [8:0]   weight;
    reg [ADDRESS-1:0]  address;  // of the spike that comes in

    function [4:0] lowest(input [31:0] x);
        integer i;
        begin
            lowest = 5'd0;
            for (i = 31; i >= 0; i = i - 1)
                if (x[i]) lowest = i[4:0];
        end
    endfunction

    // ---- a neuron: products are divided by 4096 towards 0, u is wrapped once, v is limited
    localparam signed [WIDE-1:0] LIMIT = 8388608;
    wire signed [U+13:0]    u_product = $signed({{14{u_q[U-1]}}, u_q}) * $signed({{(U+1){1'b0}}, decay_u});
    wire signed [37:0]      v_product = $signed({{14{v_q[23]}}, v_q}) * $signed({25'd0, decay_v});
    wire signed [U+13:0]    u_kept = (u_product + (u_product < 0 ? 4095 : 0)) >>> 12;
    wire signed [37:0]      v_kept = (v_product + (v_product < 0 ? 4095 : 0)) >>> 12;
    wire signed [WIDE-1:0]  u_old = due ? {WIDE{1'b0}} : {{7{u_kept[U-1]}}, u_kept[U-1:0]};
    wire signed [WIDE-1:0]  v_old = due ? {WIDE{1'b0}} : {{(WIDE-24){v_kept[23]}}, v_kept[23:0]};
    wire signed [WIDE-1:0]  arrived = {{(WIDE-SUM){sum_q[SUM-1]}}, sum_q};
    wire signed [WIDE-1:0]  u_sum = u_old + (arrived <<< 6);
    wire signed [WIDE-1:0]  u_new = u_sum > LIMIT ? u_sum - 2 * LIMIT : u_sum <= -LIMIT ? u_sum + 2 * LIMIT : u_sum;
    wire signed [WIDE-1:0]  v_sum = v_old + u_new + $signed({{(WIDE-21){bias[20]}}, bias});
    wire signed [WIDE-1:0]  v_new = v_sum > LIMIT - 1 ? LIMIT - 1 : v_sum < 1 - LIMIT ? 1 - LIMIT : v_sum;
    wire                    held = !due && left_q != 0;
    wire                    over = !held && v_new > $signed({{(WIDE-24){1'b0}}, threshold});
    wire [23:0]             v_next = held ? v_q : !over ? v_new[23:0] : subtract ? v_new[23:0] - threshold : 24'd0;
    wire [5:0]              left_next = held ? left_q - 6'd1 : over ? hold : 6'd0;

    // ---- reading
    wire [WORD-1:0]      own_word = begins[ADDRESS-1:5] + INPUT_WORDS;
    wire [ADDRESS-1:0]   neuron = begins + (state == SYNAPSES ? target : at[ADDRESS-1:0]);
    wire [PLACE-1:0]     place = state == CLEAR ? at : {{(PLACE-ADDRESS){1'b0}}, neuron};
    wire [ADDRESS-1:0]   v_place = state == IDLE ? v_address - {INPUT_WORDS, 5'd0} : place[ADDRESS-1:0];
    wire [SLOT+WORD-1:0] reading = state == IDLE ? {now, in_address[ADDRESS-1:5]}
                                 : state == EMIT ? {now, own_word + word} : {now - delay, source + word};
    wire [ROW-1:0]       row = first_row + {{(ROW-ADDRESS){1'b0}}, word, lowest(bits)};
    always @(posedge clock) begin
        population_row <= populations[population];
        projection_row <= projections[projection];
        line_row       <= rows[row];
        synapse_row    <= synapses[synapse];
        neuron_row     <= neurons[place[ADDRESS-1:0]];
        spikes_q       <= spikes[reading];
        u_q            <= us[place[ADDRESS-1:0]];
        v_q            <= vs[v_place];
        left_q         <= lefts[place[ADDRESS-1:0]];
        sum_q          <= sums[place[ADDRESS-1:0]];
        scratch_q      <= scratch[place[ADDRESS-1:0]];
        was            <= place;
        weight         <= synapse_row[8:0];
    end
    assign v_out = v_q;

    // ---- writing
    wire                  starting = state == CLEAR && busy && was < NEURONS;
    wire                  updating = state == UPDATE && busy;
    wire                  halving = state == HALVE && busy;
    wire signed [SUM-1:0] more = $signed({{(SUM-9){weight[8]}}, weight}) <<< doublings;
    wire signed [SUM-1:0] halved = scratch_q >>> halvings;  // rounded down
    wire [31:0]           spiking_now = over ? spiking | 32'd1 << was[4:0] : spiking;
    wire                  full = was[4:0] == 5'd31 || at[ADDRESS-1:0] == size;
    reg                   writes;
    reg [SLOT+WORD-1:0]   written;
    reg [31:0]            spikes_new;
    always @* begin
        writes = state == CLEAR || state == FORGET || state == INPUT || (updating && full);
        written = {now, at[WORD-1:0]};
        spikes_new = 32'd0;
        if (state == CLEAR)
            written = at[SLOT+WORD-1:0];
        if (state == INPUT) begin
            written = {now, address[ADDRESS-1:5]};
            spikes_new = spikes_q | 32'd1 << address[4:0];
        end
        if (state == UPDATE) begin
            written = {now, was[ADDRESS-1:5] + INPUT_WORDS};
            spikes_new = spiking_now;
        end
    end
    always @(posedge clock) begin
        if (writes)
            spikes[written] <= spikes_new;
        if (starting || updating) begin
            us[was[ADDRESS-1:0]]    <= starting ? {{(U-24){start_u[23]}}, start_u} : u_new[U-1:0];
            vs[was[ADDRESS-1:0]]    <= starting ? start_v : v_next;
            lefts[was[ADDRESS-1:0]] <= starting ? 6'd0 : left_next;
        end
        if (starting || updating || halving || (adds && halvings == 0))
            sums[was[ADDRESS-1:0]] <= adds ? sum_q + more : halving ? sum_q + halved : {SUM{1'b0}};
        if (starting || halving || (adds && halvings != 0))
            scratch[was[ADDRESS-1:0]] <= adds ? scratch_q + more : {SUM{1'b0}};
    end

    // ---- the order of things
    assign ready = state == IDLE;
    assign in_ready = ready;
    assign done = state == LAST;
    assign out_valid = state == SEND && bits != 0;
    assign out_address = {own_word + word, lowest(bits)};
    wire [PLACE-1:0] next_at = at + 1'b1;
    wire [WORD-1:0]  next_word = word + 1'b1;
    wire [WORD-1:0]  words = size[ADDRESS-1:5] + {{(WORD-1){1'b0}}, size[4:0] != 0};
    wire             at_end = at[ADDRESS-1:0] == size;

    always @(posedge clock) begin
        second <= 1'b1;
        busy <= 1'b0;
        adds <= busy && state == SYNAPSES;
        if (reset) begin
            state <= CLEAR;
            at <= 0;
            now <= 0;
            population <= 0;
        end else case (state)
            CLEAR: begin  // spikes, neurons and phases side by side
                busy <= 1'b1;
                at <= next_at;
                if (population != LAST_POPULATION) population <= population + 1'b1;
                if (busy && was < `NETWORK_POPULATIONS) phases[was[POPULATION-1:0]] <= offset;
                if (at == PLACES) state <= IDLE;
            end
            IDLE: begin
                address <= in_address;
                population <= 0;
                second <= 1'b0;
                if (in_valid) state <= INPUT;
                else if (go) state <= POPULATE;
            end
            INPUT: state <= IDLE;
            POPULATE:
                if (second) begin
                    due <= clears && phases[population] == 0;
                    phases[population] <= (phases[population] == 0 ? period : phases[population]) - 1'b1;
                    projection <= first;
                    second <= 1'b0;
                    state <= PROJECT;
                end
            PROJECT: begin
                at <= 0;
                word <= 0;
                spiking <= 0;
                if (projection == behind) state <= UPDATE;
                else if (second) begin
                    second <= 1'b0;
                    state <= SCAN;
                end
            end
            SCAN:
                if (second) begin
                    bits <= spikes_q;
                    state <= BITS;
                end
            BITS: begin
                second <= 1'b0;
                if (bits != 0) begin
                    bits <= bits & (bits - 1'b1);
                    state <= SYNAPSES;
                end else if (next_word != source_words) begin
                    word <= next_word;
                    state <= SCAN;
                end else if (halvings != 0) state <= HALVE;
                else begin
                    projection <= projection + 1'b1;
                    state <= PROJECT;
                end
            end
            SYNAPSES:
                if (!second) begin
                    synapse <= line_first;
                    many <= line_synapses;
                end else if (many != 0) begin
                    synapse <= synapse + 1'b1;
                    many <= many - 1'b1;
                    busy <= 1'b1;
                end else state <= BITS;
            HALVE: begin
                busy <= !at_end;
                at <= next_at;
                if (at_end) begin
                    projection <= projection + 1'b1;
                    second <= 1'b0;
                    state <= PROJECT;
                end
            end
            UPDATE: begin
                busy <= !at_end;
                at <= next_at;
                if (busy) spiking <= full ? 32'd0 : spiking_now;
                if (at_end) begin
                    second <= 1'b0;
                    state <= EMIT;
                end
            end
            EMIT:
                if (second) begin
                    bits <= spikes_q;
                    state <= SEND;
                end
            SEND:
                if (bits != 0) begin
                    if (out_ready) bits <= bits & (bits - 1'b1);
                end else begin
                    word <= next_word;
                    second <= 1'b0;
                    at <= 0;
                    if (next_word != words) state <= EMIT;
                    else if (population != LAST_POPULATION) begin
                        population <= population + 1'b1;
                        state <= POPULATE;
                    end else begin
                        now <= now + 1'b1;
                        state <= INPUTS == 0 ? LAST : FORGET;
                    end
                end
            FORGET: begin  // room for the spikes that come in before the next step
                at <= next_at;
                if (next_at == INPUTS) state <= LAST;
            end
            default: state <= IDLE;
        endcase
    end
endmodule
`default_nettype wire
