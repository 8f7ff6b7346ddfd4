{#- The numbers in the measures' rules and the columns every measure row carries.

    Belongs here: named parameters with the rule they come from, intervals, suppression. Does not belong: a measure's
    own rule (it stands in its model) or how rows are grouped (aggregates.sql). -#}

{#- One documented place for every number of a rule; `{{ measure_parameter('pdc_adherent') }}`. -#}
{% macro measure_parameter(name) -%}
{%- set parameters = {
    'spec_version': "'1.0'",
    'z_95': 1.959963984540054,
    'n_suppressed_below': 11,
    'n_flagged_below': 30,

    'pdc_adherent': 0.80,
    'pdc_adherent_antiretroviral': 0.90,
    'pdc_min_age': 18,
    'pdc_min_fill_dates': 2,
    'pdc_min_treatment_days': 91,
    'pdc_adjust_inpatient': 'true',
    'pdc_count_discharge_day_as_stay': 'false',
    'pdc_same_day_fills_shift': 'true',
    'pdc_carry_in': 'false',
    'therapy_lookback_days': 365,

    'late_cancel_hours': 24,
    'cycle_time_max_hours': 24,
    'follow_up_short_days': 7,
    'follow_up_long_days': 30,
    'readmission_days': 30,
    'referral_days_before_year_end': 61,
    'tnaa_slot': 3,
    'tnaa_target_days': 7,
    'tnaa_horizon_days': 60,

    'ed_room_max_minutes': 60,
    'ed_triage_minutes': 120,
    'ed_boarding_max_minutes': 240,
    'ed_stay_max_minutes': 480,

    'service_level_seconds': 20,
    'short_abandon_seconds': 10,
    'fcr_days': 7,
    'reply_sla_business_days': 2,

    'repeat_contact_days': 7,
    'ar_charge_days': 90,

    'loop_short_hours': 24,
    'loop_long_hours': 48,
    'churn_window_months': 18,
} -%}
{%- if name not in parameters -%}
    {{ exceptions.raise_compiler_error("unknown measure parameter: " ~ name) }}
{%- endif -%}
{{ return(parameters[name]) }}
{%- endmacro %}

{#- Wilson score bounds of numerator / denominator, clamped to [0, 1]; null without a denominator. -#}
{% macro wilson_bound(numerator, denominator, side) -%}
{%- set z = measure_parameter('z_95') -%}
{%- set sign = '-' if side == 'low' else '+' -%}
{%- set clamp = 'greatest(0.0, ' if side == 'low' else 'least(1.0, ' -%}
case
    when {{ denominator }} > 0 then {{ clamp }}(
        ({{ numerator }}) / cast({{ denominator }} as double)
        + {{ z }} * {{ z }} / (2 * {{ denominator }})
        {{ sign }} {{ z }} * sqrt(
            greatest(0.0, ({{ numerator }}) * (1 - ({{ numerator }}) / cast({{ denominator }} as double)))
            / cast({{ denominator }} as double) / {{ denominator }}
            + {{ z }} * {{ z }} / (4.0 * {{ denominator }} * {{ denominator }})
        )
    ) / (1 + {{ z }} * {{ z }} / {{ denominator }}))
end
{%- endmacro %}

{#- Standard error of a mean from its sums. `population` divides by n (NPS: p+ + p- - (p+ - p-)^2 is exactly that
    variance of +1/0/-1); a sample mean divides by n - 1 and has no error for one case. -#}
{% macro standard_error(total, total_of_squares, n, population) -%}
{%- set spread -%}
greatest(0.0, {{ total_of_squares }} - {{ total }} * {{ total }} / cast({{ n }} as double))
{%- endset -%}
{%- if population -%}
case when {{ n }} > 0 then sqrt({{ spread }}) / {{ n }} end
{%- else -%}
case when {{ n }} > 1 then sqrt({{ spread }} / ({{ n }} - 1.0) / {{ n }}) end
{%- endif -%}
{%- endmacro %}

{#- True where a statistic over n cases is hidden: MEASURES section 5, n < 11 suppressed (0 is allowed). -#}
{% macro is_suppressed(n) -%}
({{ n }} between 1 and {{ measure_parameter('n_suppressed_below') - 1 }})
{%- endmacro %}

{#- Why a value is hidden, or flagged (n < 30: shown, but to be read with care); null where neither. -#}
{% macro suppression_reason(n) -%}
case
    when {{ is_suppressed(n) }} then 'n_below_{{ measure_parameter("n_suppressed_below") }}'
    when {{ n }} > 0 and {{ n }} < {{ measure_parameter('n_flagged_below') }}
        then 'flag_n_below_{{ measure_parameter("n_flagged_below") }}'
end
{%- endmacro %}

{#- The class of one answer: oracles' boundaries of NPS (0-10), CSAT (1-5) and CES 2.0 (1-7, agreement "easy").
    A scale that runs the other way (CES 1.0) must be turned first (`turned_score`). -#}
{% macro score_class(metric, score) -%}
case
    when {{ score }} is null then 'missing'
    when {{ metric }} = 'nps' then
        case
            when {{ score }} not between 0 and 10 then 'invalid'
            when {{ score }} >= 9 then 'promoter'
            when {{ score }} >= 7 then 'passive'
            else 'detractor'
        end
    when {{ metric }} = 'csat' then
        case
            when {{ score }} not between 1 and 5 then 'invalid'
            when {{ score }} >= 4 then 'satisfied'
            when {{ score }} > 2 then 'neutral'
            else 'dissatisfied'
        end
    when {{ metric }} = 'ces' then
        case
            when {{ score }} not between 1 and 7 then 'invalid'
            when {{ score }} >= 5 then 'easy'
            when {{ score }} > 3 then 'neutral'
            else 'hard'
        end
    else 'unclassified'
end
{%- endmacro %}

{#- What happened at one place and time, for models of statistics to be adjusted for: a department's quarter. -#}
{% macro department_quarter(department, day) -%}
{{ department }} || ' ' || cast(cast(date_trunc('quarter', {{ day }}) as date) as varchar)
{%- endmacro %}
