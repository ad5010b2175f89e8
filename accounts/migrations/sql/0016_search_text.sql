-- Texts as a person searches them (docs/decisions/0059), for indexes of trigrams in providers' schemas.
-- core/search_text.py does the same in Python, and explains the letters. To change one, replace the function
-- and build the indexes that use it again.

CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;

-- Most texts end at one of the first two RETURNs: the rest costs ten times as much. Its result is ASCII,
-- with each byte of another letter as x and three digits, because outside of ASCII trigrams know letters
-- only where the database's LC_CTYPE does. With this COST, PostgreSQL reads the index where it would
-- expect the first matches early in the table.
CREATE FUNCTION public.search_text(searched text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 300 AS $$
BEGIN
    IF octet_length(searched) = char_length(searched) THEN
        RETURN lower(searched);
    END IF;
    searched := regexp_replace(lower(normalize(searched, NFKD)),
        '[\u0300-\u036f\u00ad\u200b-\u200f\u2060\ufeff]+', '', 'g');
    IF octet_length(searched) = char_length(searched) THEN
        RETURN searched;
    END IF;
    searched := translate(searched,
        U&'\00f8\0111\0131\0142\0185\018d\01a8\01bd\01c0\021d\0223\0251\025c\0261\0263\0269\026a\026f'
        '\0280\028b\028f\0292\029d\03b1\03b2\03b3\03b5\03b6\03b7\03b9\03ba\03bc\03bd\03bf\03c1\03c2'
        '\03c3\03c4\03c5\03c7\03dd\03e9\03f3\03fb\0430\0431\0432\0433\0435\0437\043a\043c\043d\043e'
        '\0440\0441\0442\0443\0445\044c\0455\0456\0458\0461\0475\04af\04bb\04bd\04cf\04e1\0501\050d'
        '\051b\051d\0561\0563\0566\0570\0578\057c\057d\057f\0581\0584\0585',
        'odilbg2sl38a3gyiiwruy3jabyezhikmvopootuxf2jma6bre3kmhopctyxbsijwvyhei3dgqwwqqhnnusgfo');
    RETURN replace(encode(convert_to(searched, 'UTF8'), 'escape'), '\', 'x');
END $$;
